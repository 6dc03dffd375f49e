"""The probes that ask the host itself: its ports, and its own key."""

from __future__ import annotations

import base64
import socket
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fleet.facts.key import KeyProbe
from fleet.facts.listing import LISTING
from fleet.facts.ports import PortsProbe
from fleet.facts.probe import Answer, Question
from fleet.model.desired import HostState
from fleet.model.found import Unknown
from tests.support.shells import SHELLS, Bench

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def question(state_dir: Path = Path("/var/lib/fleet")) -> Question:
    return Question("shop", "test", str(state_dir), HostState("web-1"))


def run(bench: Bench, script: str, shell: str = "sh") -> Answer:
    done: subprocess.CompletedProcess[bytes] = bench.run(f"{LISTING}(:\n{script}\n) 2>&1", shell=shell)
    return Answer(done.stdout.decode(), done.returncode)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_listener_is_told_by_its_port(bench: Bench, shell: str) -> None:
    bench.stand_in("docker", "")
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        free = bound.getsockname()[1]
        port = listening.getsockname()[1]
        found = PortsProbe().parse(run(bench, PortsProbe().script(question()), shell))
    assert isinstance(found, dict)
    assert found[port] == "a process on the host"
    assert free not in found


def test_what_docker_publishes() -> None:
    rows = (
        "docker web 0.0.0.0:8001->8000/tcp, :::8001->8000/tcp",
        "docker dns 0.0.0.0:53->53/udp, 5353/tcp",
        "docker range 127.0.0.1:9000-9002->9000-9002/tcp",
        "docker quiet",
        "   0: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1",
        "   1: 0100007F:1F42 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 2",
        "   2: 00000000000000000000000001000000:0050 0000:0000 0A 0 0 0 0 0 3",
    )
    assert PortsProbe().parse(Answer(HEADER + "\n".join(rows), 0)) == {
        8001: "container web",
        9000: "container range",
        9001: "container range",
        9002: "container range",
        80: "a process on the host",
    }


def test_ports_that_cannot_be_known_are_not_free(bench: Bench) -> None:
    bench.stand_in("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    found = PortsProbe().parse(run(bench, PortsProbe().script(question())))
    assert found == Unknown("ports: Cannot connect to the Docker daemon")
    bench.stand_in("docker", "")
    bench.stand_in("cat", "echo 'cat: /proc/net/tcp: Permission denied' >&2; exit 1")
    assert isinstance(PortsProbe().parse(run(bench, PortsProbe().script(question()))), Unknown)


def test_ipv6_may_be_off(bench: Bench) -> None:
    bench.stand_in("docker", "")
    bench.stand_in("cat", f"[ $1 = /proc/net/tcp ] || exit 1; printf '{HEADER}'")
    assert PortsProbe().parse(run(bench, PortsProbe().script(question()))) == {}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_key_is_made_once_and_for_its_owner_only(bench: Bench, tmp_path: Path, shell: str) -> None:
    place = tmp_path / "state dir" / "fleet"
    script = KeyProbe().script(question(place))
    keys = {KeyProbe().parse(run(bench, script, shell)) for _ in range(3)}
    (key,) = keys
    assert isinstance(key, bytes)
    assert len(key) == 32
    assert [path.name for path in place.iterdir()] == ["key"]
    assert stat.S_IMODE((place / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_probes_at_the_same_time_agree_on_one_key(bench: Bench, tmp_path: Path) -> None:
    # Two see that there is none before either has made one: the first waits for the second.
    together = 'until [ "$(wc -l <calls)" -gt 1 ]; do sleep 0.01; done; base64'
    bench.stand_in("base64", f"""cd "$HERE"; /usr/bin/env -i PATH=/usr/bin:/bin sh -c '{together}'""")
    script = KeyProbe().script(question(tmp_path / "fleet"))
    with ThreadPoolExecutor(6) as pool:
        keys = set(pool.map(lambda _: KeyProbe().parse(run(bench, script)), range(6)))
    assert len(keys) == 1
    assert isinstance(keys.pop(), bytes)
    assert len(bench.calls) > 1
    assert [path.name for path in (tmp_path / "fleet").iterdir()] == ["key"]


def test_an_empty_key_is_made_anew(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("")
    key = KeyProbe().parse(run(bench, KeyProbe().script(question(tmp_path))))
    assert isinstance(key, bytes)
    assert KeyProbe().parse(run(bench, KeyProbe().script(question(tmp_path)))) == key


def test_a_key_that_is_made_meanwhile_is_kept(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "fleet"
    script = KeyProbe().script(question(place))
    (tmp_path / "script").write_text(script)
    for program in ("rm", "find"):
        # Another probe goes through from beginning to end just before this one would clean up.
        bench.replace(
            program,
            f"""PATH=${{PATH#*:}}
            [ -e "$HERE/once" ] || {{ : >"$HERE/once"; sh -s <"$HERE/script" >"$HERE/other"; }}
            exec {program} "$@" """,
        )
    mine = KeyProbe().parse(run(bench, script))
    assert isinstance(mine, bytes)
    assert KeyProbe().parse(Answer((tmp_path / "other").read_text(), 0)) == mine


@pytest.mark.parametrize(
    "answer",
    [
        Answer("", 0),
        Answer("mkdir: cannot create directory: Permission denied\n", 1),
        Answer(base64.b64encode(b"short").decode(), 0),
        Answer(base64.b64encode(b"k" * 32).decode(), 1),
        Answer("not base64 at all!\n", 0),
    ],
)
def test_a_key_that_is_none_is_unknown(answer: Answer) -> None:
    assert isinstance(KeyProbe().parse(answer), Unknown)


def test_a_state_directory_that_cannot_be_made_says_so(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = KeyProbe().parse(run(bench, KeyProbe().script(question(tmp_path / "file" / "fleet"))))
    assert isinstance(found, Unknown)
    assert "the state directory: mkdir" in found.reason
