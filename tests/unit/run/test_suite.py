"""A role's tests in a process of their own, against a host in memory."""

from __future__ import annotations

import os
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from fleet.errors import FleetError, Interrupted
from fleet.model.place import Place
from fleet.run.role_tests import counted
from fleet.run.suite import Suite, SuiteFailed, Tried, run_suite
from fleet.transport.base import ConnectionLost, Result


@dataclass
class Box:
    """``answers``: what a command prints; any other ends with 1."""

    answers: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    host: str = "web-1"
    before: Callable[[], Result | None] = lambda: None

    def run(self, script: str, **_: Any) -> Result:
        self.asked.append(script)
        if early := self.before():
            return early
        known = script in self.answers
        return Result(
            0 if known else 1, self.answers.get(script, b""), b"" if known else b"no such command", 0.1
        )


def suite(
    root: Path, tests: str, look_up: Callable[[str, str], Any] = lambda kind, name: name, **more: Any
) -> Suite:
    directory = root / "roles" / "web" / "tests"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "test_web.py").write_text(textwrap.dedent(tests))
    facts = {
        "host": "web-1",
        "role": "web",
        "env": "test",
        "project": "shop",
        "version": "v1",
        "groups": ["web"],
    }
    place = Place("/var/lib/fleet", "shop", "test")
    return Suite("web-1", "web", root, directory, place, facts, look_up, dict(os.environ), **more)


def run(one: Suite, box: Any = None, cancel: threading.Event | None = None) -> Tried:
    return run_suite(one, box or Box(), cancel or threading.Event())


def test_each_test_is_told_with_its_line_and_what_it_says(tmp_path: Path) -> None:
    tests = """\
        import pytest

        @pytest.fixture
        def broken():
            raise OSError("no room")

        @pytest.mark.parametrize("port", [80, 81])
        def test_port(host, port):
            assert host.run("echo %s", str(port)).stdout == "80"

        def test_later():
            pytest.skip("not on this host")

        def test_known():
            pytest.xfail("ticket 7")

        def test_setup(broken):
            pass

        def test_here(host, fleet):
            assert (fleet.host, fleet.role, fleet.env, fleet.version, fleet.groups) == (
                "web-1", "web", "test", "v1", ("web",))
            assert host.run("no such thing").stderr == "no such command"
        """
    tried = run(suite(tmp_path, tests), Box({"echo 80": b"80", "echo 81": "ä".encode()}))
    at = "roles/web/tests/test_web.py"
    assert [(one.test, one.outcome, one.at) for one in tried.results] == [
        ("test_port[80]", "passed", f"{at}:7"),
        ("test_port[81]", "failed", f"{at}:9"),
        ("test_later", "skipped", f"{at}:11"),
        ("test_known", "skipped", f"{at}:14"),
        ("test_setup", "failed", f"{at}:5"),
        ("test_here", "passed", f"{at}:20"),
    ]
    whys = {one.test: one.why.splitlines()[0] for one in tried.results if one.why}
    assert whys["test_port[81]"] == "assert 'ä' == '80'"
    assert whys["test_later"] == "not on this host"
    assert whys["test_known"] == "ticket 7"
    assert whys["test_setup"] == "OSError: no room"
    assert counted(tried) == "2 of 6 tests failed"
    assert not [*tmp_path.rglob("__pycache__"), *tmp_path.rglob(".pytest_cache")]


def test_what_is_refused_is_an_error_of_the_test(tmp_path: Path) -> None:
    def look_up(kind: str, name: str) -> str:
        if kind == "secret":
            return "hush"
        raise FleetError(f"web-1 has no variable {name!r}")

    tests = """\
        import pytest, testinfra

        def test_all_of_it(fleet):
            assert fleet.secret("password") == "hush"
            with pytest.raises(LookupError, match="no variable 'colour'"):
                fleet.var("colour")
            with pytest.raises(LookupError, match="cannot ask db-1"):
                testinfra.get_host("fleet://db-1")
            with pytest.raises(LookupError, match="no such command"):
                fleet.container("app")
        """
    assert counted(run(suite(tmp_path, tests, look_up))) == "1 test passed"


def test_settings_and_plugins_around_them_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-flag\n")
    (tmp_path / "conftest.py").write_text("raise SystemExit('not mine')")
    one = suite(tmp_path, "def test_it(mine): assert mine == 1")
    (one.directory / "conftest.py").write_text("import pytest\n@pytest.fixture\ndef mine(): return 1\n")
    one = replace(one, environ={**os.environ, "PYTEST_ADDOPTS": "--no-such-flag"})
    assert counted(run(one)) == "1 test passed"


def test_a_file_that_cannot_be_read_is_a_failure_with_its_place(tmp_path: Path) -> None:
    (result,) = run(suite(tmp_path, "def test_it(:\n")).failed
    assert result.at == "roles/web/tests/test_web.py"
    assert "SyntaxError" in result.why


def test_no_test_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(SuiteFailed, match="there is no test in roles/web/tests"):
        run(suite(tmp_path, "def check(): pass"))


def test_a_process_that_dies_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(SuiteFailed, match="pytest ended with 9") as caught:
        run(suite(tmp_path, "import os\nprint('last words', flush=True)\nos._exit(9)\n"))
    assert caught.value.host == "web-1"


def test_an_interrupt_ends_what_waits(tmp_path: Path) -> None:
    cancel, box = threading.Event(), Box({"true": b""})
    box.before = cancel.set  # type: ignore[assignment]
    tests = "import time\ndef test_it(host):\n    host.run('true')\n    time.sleep(600)\n"
    with pytest.raises(Interrupted, match="interrupted in the tests of web"):
        run(suite(tmp_path, tests), box, cancel)


@pytest.mark.parametrize(
    "tests", ["import time\ndef test_it(): time.sleep(600)", "def test_it(host): host.run('sleep')"]
)
def test_tests_without_an_end_are_ended(tmp_path: Path, tests: str) -> None:
    box = Box(before=lambda: Result(None, b"", b"", 1, timed_out=True))
    with pytest.raises(SuiteFailed, match="the tests of web have no end after 1 s") as caught:
        run(suite(tmp_path, tests, seconds=1), box)
    assert "roles/web/tests" in caught.value.hint


def test_a_connection_that_is_lost_is_no_failed_test(tmp_path: Path) -> None:
    def lose() -> Result:
        raise ConnectionLost("the connection was lost")

    with pytest.raises(ConnectionLost):
        run(suite(tmp_path, "def test_it(host): host.run('true')"), Box(before=lose))
