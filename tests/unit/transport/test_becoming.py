"""sudo that asks for a password: it is given when it is wanted, once, and to nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.errors import RemoteFailed
from fleet.secret import Keyring, Secret, SecretRef
from fleet.transport.endpoint import Endpoint
from fleet.transport.local import LocalTransport

REF = SecretRef("asked", "sudo")
SUDO = r"""#!/bin/sh
echo "$*" >>"$0.log"
prompt=
while [ "$1" != -- ]; do
  case $1 in -p) prompt=$2; shift ;; -n) prompt= ;; esac
  shift
done
shift
if [ -e "$0.asks" ]; then
  echo "We trust you have received the usual lecture" >&2
  for try in 1 2 3; do
    printf '%s' "$prompt" >&2
    read -r word || { echo "sudo: no password was provided" >&2; exit 1; }
    [ "$word" = "it's secret" ] && exec "$@"
    echo "$word" >>"$0.wrong"
    echo "Sorry, try again." >&2
  done
  exit 1
fi
exec "$@"
"""


@pytest.fixture
def sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of sudo; it asks as soon as there is ``sudo.asks``."""
    path = tmp_path / "sudo"
    path.write_text(SUDO)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return path


def host(password: str) -> LocalTransport:
    endpoint = Endpoint("here", "localhost", connection="local", become=True, password=REF)
    return LocalTransport(endpoint, Keyring({REF: Secret(password)}))


@pytest.mark.parametrize("asks", [True, False])
def test_the_script_reads_none_of_it(sudo: Path, asks: bool) -> None:
    if asks:
        sudo.with_name("sudo.asks").touch()
    result = host("it's secret").run("echo in; echo err >&2; cat; exit 3", timeout=20)
    assert (result.out, result.err, result.rc) == (b"in\n", b"err\n", 3)
    assert "secret" not in sudo.with_name("sudo.log").read_text()


def test_what_the_script_reads_itself_comes_behind_the_password(sudo: Path, tmp_path: Path) -> None:
    sudo.with_name("sudo.asks").touch()
    (tmp_path / "data").write_bytes(b"line\n" * 100_000)
    with (tmp_path / "data").open("rb") as source:
        result = host("it's secret").run("cksum", timeout=20, feed=lambda: source.read(1 << 16))
    assert result.out.split()[1] == b"500000"


def test_a_wrong_password_is_tried_once(sudo: Path) -> None:
    sudo.with_name("sudo.asks").touch()
    with pytest.raises(RemoteFailed, match="sudo did not take the password") as caught:
        host("wrong").run("echo in", timeout=20)
    assert sudo.with_name("sudo.wrong").read_text() == "wrong\n"
    assert "wrong" not in str(caught.value)
    assert "@fleet" not in str(caught.value)


def test_without_a_password_sudo_may_not_ask(sudo: Path) -> None:
    assert host("").run("echo in", timeout=20).out == b"in\n"
    assert sudo.with_name("sudo.log").read_text().startswith("-n -u root --")


def test_what_runs_as_another_is_killed_as_that(sudo: Path) -> None:
    sudo.with_name("sudo.asks").touch()
    result = host("it's secret").run("echo begun; sleep 100", timeout=60, on_line=lambda *_: True)
    assert result.stopped
    kill = sudo.with_name("sudo.log").read_text().splitlines()[-1]
    assert "kill -s TERM" in kill
    assert "secret" not in kill
