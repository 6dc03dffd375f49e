"""``inv trust`` against real sshds on the loopback: what it shows, what it asks, and what it writes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet.cli import program
from tests.support.sshd import Sshd, keygen

BIN = Path(sys.executable).parent
HOSTS = """\
all:
  vars: {ansible_user: root, fleet_project: shop}
  hosts:
    loop: {ansible_host: 127.0.0.1, ansible_port: %s}
"""
BEHIND = """\
    behind: {ansible_host: 127.0.0.1, ansible_port: %s, ansible_ssh_common_args: "-J root@127.0.0.1:%s"}
"""


@pytest.fixture(scope="module")
def sshds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sshd, Sshd]]:
    """Two that take the same login."""
    one = Sshd(tmp_path_factory.mktemp("one") / "sshd")
    other = Sshd(tmp_path_factory.mktemp("other") / "sshd")
    (other.directory / "authorized_keys").write_text((one.directory / "authorized_keys").read_text())
    yield one, other
    one.stop()
    other.stop()


@dataclass
class Operator:
    root: Path
    home: Path

    @property
    def file(self) -> Path:
        return self.root / "inventories" / "test" / "known_hosts"

    def hosts(self, text: str) -> None:
        (self.root / "inventories" / "test" / "hosts.yml").write_text(text)

    def trust(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [BIN / "fleet", "trust", "--env", "test", *words], cwd=self.root, text=True, timeout=60,
            env={**os.environ, "HOME": str(self.home), "SSH_AUTH_SOCK": ""}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        print(done.stdout)
        assert "Traceback" not in done.stdout
        return done


@pytest.fixture
def operator(tmp_path: Path, sshds: tuple[Sshd, Sshd]) -> Operator:
    (tmp_path / "inventories" / "test").mkdir(parents=True)
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_ed25519").write_bytes(sshds[0].client_key.read_bytes())
    made = Operator(tmp_path, home)
    made.hosts(HOSTS % sshds[0].port)
    return made


def sha256(line: str) -> str:
    done = subprocess.run(["ssh-keygen", "-lf", "-"], input=line, text=True, capture_output=True, check=True)
    return done.stdout.split()[1]


def line(sshd: Sshd, key: str = "") -> str:
    kind, blob, *_ = (key or sshd.host_key).split()
    return f"[127.0.0.1]:{sshd.port} {kind} {blob}\n"


def test_a_new_key_is_shown_and_added_and_then_known(operator: Operator, sshds: tuple[Sshd, Sshd]) -> None:
    done = operator.trust("--yes")
    assert done.returncode == 0
    assert f"new:\n  loop  {sha256(sshds[0].host_key)}  ed25519\n" in done.stdout
    assert "1 key written to inventories/test/known_hosts" in done.stdout
    assert operator.file.read_text() == line(sshds[0])
    again = operator.trust("--yes")
    assert (again.returncode, again.stdout) == (0, "known already: loop\n")
    assert operator.file.read_text() == line(sshds[0])


def test_where_nobody_can_be_asked_nothing_is_added(operator: Operator) -> None:
    done = operator.trust()
    assert done.returncode == 64
    assert "keys are to be compared, and nobody can be asked here" in done.stdout
    assert not operator.file.exists()


def test_no_is_no(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def said(answer: str) -> int:
        monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
        try:
            program.run(["fleet", "trust", "--env", "test"])
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    monkeypatch.chdir(operator.root)
    assert said("n") == 1
    assert "Add 1 key to inventories/test/known_hosts? [y/N]" in capsys.readouterr().out
    assert not operator.file.exists()
    assert said("y") == 0
    assert operator.file.exists()


def test_a_changed_key_stays_until_it_is_told_to_go(operator: Operator, sshds: tuple[Sshd, Sshd]) -> None:
    old = keygen(operator.root / "old")
    before = f"# ours\n{line(sshds[0], old)}other {old.rpartition(' ')[0]}\n"
    operator.file.write_text(before)
    done = operator.trust("--yes")
    assert done.returncode == 1
    assert (
        f"CHANGED: loop (127.0.0.1 port {sshds[0].port}) does not show the key that is known" in done.stdout
    )
    assert sha256(sshds[0].host_key) in done.stdout
    assert sha256(old) in done.stdout
    assert "known_hosts:2" in done.stdout
    assert operator.file.read_text() == before
    assert operator.trust("--yes", "--replace").returncode == 0
    assert operator.file.read_text() == f"# ours\nother {old.rpartition(' ')[0]}\n{line(sshds[0])}"


def test_what_your_own_file_says_counts(operator: Operator, sshds: tuple[Sshd, Sshd]) -> None:
    own = operator.home / ".ssh" / "known_hosts"
    own.write_text(line(sshds[0], keygen(operator.root / "old")))
    assert operator.trust("--yes").returncode == 1, "another key than you know"
    assert not operator.file.exists()
    own.write_text(line(sshds[0]))
    done = operator.trust("--yes")
    assert done.returncode == 0
    assert "known to your own known_hosts, and new here:" in done.stdout


def test_a_revoked_key_is_never_added(operator: Operator, sshds: tuple[Sshd, Sshd]) -> None:
    operator.file.write_text(f"@revoked {line(sshds[0])}")
    done = operator.trust("--yes", "--replace")
    assert done.returncode == 1
    assert "REVOKED: loop" in done.stdout
    assert operator.file.read_text() == f"@revoked {line(sshds[0])}"


def test_a_host_that_does_not_answer_hides_no_other(operator: Operator, sshds: tuple[Sshd, Sshd]) -> None:
    operator.hosts(HOSTS % sshds[0].port + "    gone: {ansible_host: 127.0.0.1, ansible_port: 1}\n")
    done = operator.trust("--yes")
    assert done.returncode == 69
    assert "gone: 127.0.0.1 port 1 refuses the connection" in done.stdout
    assert operator.file.read_text() == line(sshds[0])


@pytest.fixture
def behind(operator: Operator, sshds: tuple[Sshd, Sshd]) -> None:
    gate, host = sshds
    operator.hosts(HOSTS % gate.port + BEHIND % (host.port, gate.port))


@pytest.mark.usefixtures("behind")
def test_a_jump_host_is_trusted_before_what_lies_behind_it(
    operator: Operator, sshds: tuple[Sshd, Sshd]
) -> None:
    done = operator.trust("--yes")
    assert done.returncode == 0
    assert operator.file.read_text() == line(sshds[0]) + line(sshds[1])
    assert done.stdout.index("loop") < done.stdout.index("behind")


@pytest.mark.usefixtures("behind")
def test_nothing_is_seen_through_a_jump_host_that_is_not_trusted(
    operator: Operator, sshds: tuple[Sshd, Sshd]
) -> None:
    operator.file.write_text(line(sshds[0], keygen(operator.root / "old")))
    done = operator.trust("--yes")
    assert done.returncode == 69
    assert f"behind: the jump host 127.0.0.1 port {sshds[0].port} cannot be entered" in done.stdout


def test_json_is_a_line_a_key(operator: Operator, sshds: tuple[Sshd, Sshd]) -> None:
    done = operator.trust("--json", "--yes")
    assert done.returncode == 0
    assert f'"fingerprint": "{sha256(sshds[0].host_key)}", "trust": "new"' in done.stdout
