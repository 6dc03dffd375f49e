"""Every provider: the value, what is refused, and that no error carries a value."""

import pathlib
import sys
import traceback

import pytest

from fleet.errors import ConfigError, ConfigErrors, Position
from fleet.secret import Hole, SealedText, SecretRef
from fleet.secrets import resolve
from fleet.secrets.command import from_command

PATH = {"PATH": "/usr/bin:/bin"}


def value(root: pathlib.Path, provider: str, name: str, environ: dict[str, str] | None = None) -> str:
    ref = SecretRef(provider, name)
    return resolve([ref], root, {**PATH, **(environ or {})}).reveal(SealedText((Hole(ref),)))


def error(root: pathlib.Path, provider: str, name: str, environ: dict[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigErrors) as caught:
        value(root, provider, name, environ)
    (found,) = caught.value.errors
    assert isinstance(found, ConfigError)
    return found


def private(root: pathlib.Path, text: str, mode: int = 0o600) -> None:
    path = root / "password"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(mode)


def test_environment(tmp_path: pathlib.Path) -> None:
    assert value(tmp_path, "env", "TOKEN", {"TOKEN": " as it is\n"}) == " as it is\n"
    assert error(tmp_path, "env", "TOKE", {"TOKEN": "x"}).what == "!secret env:TOKE: the variable is not set"
    assert error(tmp_path, "env", "TOKEN", {"TOKEN": ""}).what == "!secret env:TOKEN: the variable is empty"


def test_file(tmp_path: pathlib.Path) -> None:
    private(tmp_path, "two\nlines\n", 0o400)
    assert value(tmp_path, "file", "password") == "two\nlines"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_for_others_is_refused(tmp_path: pathlib.Path, mode: int) -> None:
    private(tmp_path, "x", mode)
    found = error(tmp_path, "file", "password")
    assert found.what == f"!secret file:password: others may read the file (mode {mode:04o})"
    assert found.hint == f"chmod 600 {tmp_path / 'password'}"


def test_no_file_and_no_text(tmp_path: pathlib.Path) -> None:
    assert "No such file" in error(tmp_path, "file", "nowhere").why
    assert "null byte" in error(tmp_path, "file", "no\0where").why
    assert "home directory" in error(tmp_path, "file", "~no-such-user/password").why
    private(tmp_path, "geheim\xe4")
    found = error(tmp_path, "file", "password")
    assert found.what == "!secret file:password: the file is not UTF-8 text"
    assert "geheim" not in "".join(traceback.format_exception(found))


def test_command_without_a_shell_in_the_project(tmp_path: pathlib.Path) -> None:
    assert value(tmp_path, "command", "printf 'a $HOME b\n'") == "a $HOME b"
    assert value(tmp_path, "command", "pwd") == str(tmp_path)


@pytest.mark.parametrize(
    ("command", "what", "why"),
    [
        ("sh -c 'echo geheim; echo no login >&2; exit 3'", "exit code 3", "no login"),
        ("no-such-program-here", "cannot be run", "No such file or directory"),
        ("printf 'open", "cannot be split into words", "No closing quotation"),
        ("true", "it printed nothing", ""),
    ],
)
def test_command_fails(tmp_path: pathlib.Path, command: str, what: str, why: str) -> None:
    found = error(tmp_path, "command", command)
    assert found.what == f"!secret command:{command}: {what}"
    assert found.why == why


def test_command_that_hangs(tmp_path: pathlib.Path) -> None:
    words = f"{sys.executable} -c 'import time; time.sleep(60)'"
    with pytest.raises(ConfigError, match=r"no answer within 0\.2 s"):
        from_command(words, tmp_path, PATH, timeout=0.2)


def test_all_errors_at_their_places_and_each_reference_once(tmp_path: pathlib.Path) -> None:
    count = tmp_path / "count"
    places = [Position("b.yml", 2, 3), Position("a.yml", 1, 9)]
    refs = [
        SecretRef("env", "A", places[0]),
        SecretRef("env", "B", places[1]),
        SecretRef("command", f"sh -c 'echo x >> {count}; echo y'"),
        SecretRef("command", f"sh -c 'echo x >> {count}; echo y'"),
    ]
    with pytest.raises(ConfigErrors) as caught:
        resolve(refs, tmp_path, PATH)
    assert [one.at for one in caught.value.errors] == [places[1], places[0]]
    assert count.read_text() == "x\n"
