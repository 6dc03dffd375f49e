"""What goes wrong on the hosts while a volume moves: disks and engines."""

from __future__ import annotations

import pytest

from fleet.errors import RemoteFailed
from fleet.model.volumes import State
from tests.fleet.volumes.cuts import Act, cut_off, goes_on
from tests.fleet.volumes.moves import Moves

LEFT_MB = 40
"""Of 52 that are copied."""
FILL = f"""
left=$(df --output=avail -k /var/lib/docker | tail -1)
fallocate -l $(((left - {LEFT_MB} * 1024) * 1024)) /var/lib/docker/filler
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
