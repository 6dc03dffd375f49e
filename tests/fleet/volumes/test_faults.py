"""What goes wrong on the hosts while a volume moves: disks, engines, packets, and who else writes."""

from __future__ import annotations

import pytest

from fleet.errors import RemoteFailed
from fleet.model.volumes import State
from tests.fleet.volumes.cuts import Act, cut_off, goes_on
from tests.fleet.volumes.moves import VOLUME, Moves

LOSSY = "iptables -w {what} INPUT -s {other} -m statistic --mode random --probability 0.02 -j DROP"
LEFT_MB = 40
"""Of 52 that are copied."""
FILL = f"""
left=$(df --output=avail -k /var/lib/docker | tail -1)
fallocate -l $(((left - {LEFT_MB} * 1024) * 1024)) /var/lib/docker/filler
"""
# Not by way of a container: the engine knows nothing of it.
OUTSIDE = f"""
data=$(docker volume inspect -f '{{{{.Mountpoint}}}}' {VOLUME})
while [ ! -e /run/enough ]; do date +%N >$data/old-7; sleep 0.01; done >/dev/null 2>&1 &
"""
ONCE = f"""
cd $(docker volume inspect -f '{{{{.Mountpoint}}}}' {VOLUME})
touch -r old-7 /run/before; printf x | dd of=old-7 bs=1 seek=100 conv=notrunc 2>/dev/null
touch -r /run/before old-7
"""


def test_a_target_whose_disk_is_full_before_all_is_there(moves: Moves) -> None:
    moves.names = ("db-1", "small")

    def heard(host: str, word: str) -> None:
        if word == "seed":
            moves.target.run(FILL)

    moves.heard = heard
    with pytest.raises(RemoteFailed, match="the target has no space left"):
        moves.run()
    moves.heard = lambda host, word: None
    assert moves.states == (State.LIVE, State.INCOMING)
    assert moves.writing()
    assert moves.helpers() == []
    moves.target.run("rm /var/lib/docker/filler")
    goes_on(moves)


def _restarted(host: str) -> tuple[Act, Act]:
    return lambda moves: moves.fleet.host(host).restart_engine(), lambda moves: None


@pytest.mark.parametrize("host", ["db-1", "db-2"])
@pytest.mark.parametrize("point", ["seed", "sync --final"])
def test_an_engine_that_is_restarted(
    moves: Moves, host: str, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.ops.fence.PATIENCE", 8)
    cut_off(moves, _restarted(host), point, 0.1)


def test_a_network_that_loses_packets(moves: Moves) -> None:
    both = (moves.source, moves.target)
    for here, other in (both, both[::-1]):
        here.run(LOSSY.format(what="-I", other=other.address))
    moves.run()
    moves.moved()


def test_a_writer_that_no_engine_knows(moves: Moves) -> None:
    """It is found, since both sides are compared; and the source goes on."""
    moves.source.run("rm -f /run/enough")
    moves.source.run(OUTSIDE)
    try:
        with pytest.raises(RemoteFailed, match="differ, though nobody uses it") as told:
            moves.run()
    finally:
        moves.source.run("touch /run/enough")
    assert "old-7" in told.value.why
    assert "does something outside of Docker write to it?" in told.value.hint
    assert moves.states == (State.LIVE, State.INCOMING)
    goes_on(moves)


def test_a_file_that_changes_after_the_final_pass_is_copied_once_more(moves: Moves) -> None:
    """And its times say that it has not."""
    done = []

    def heard(host: str, word: str) -> None:
        if word == "compare" and not done:
            done.append(moves.source.run(ONCE))

    moves.heard = heard
    moves.run()
    moves.moved()
    assert done
    same = "import sys; sys.stdout.write(open('/data/old-7', 'rb').read(101).hex()[-2:])"
    assert moves.python(moves.target, same) == "78"
