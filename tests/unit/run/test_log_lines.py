"""Lines of many containers: each once, in the order of time."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from fleet.model.place import Place
from fleet.run.log_lines import HOLD, REMEMBERED, Entry, HostLog, Window
from fleet.run.log_script import Reading

PLACE = Place("/var/lib/fleet", "shop", "live")


def at(second: int) -> str:
    return f"2026-01-31T10:00:{second:02}.000000000Z"


def taken(*lines: str) -> list[Entry | str]:
    log = HostLog("web-1")
    return [found for line in lines if (found := log.take(line)) is not None]


def test_a_line_is_told_with_its_container() -> None:
    (entry,) = taken("+ 1 0123456789abcdef web.app", ".", f"{at(1)} 1   two  spaces ")
    assert entry == Entry(at(1), "web-1", "web.app", "0123456789ab", "  two  spaces ")


def test_what_is_read_again_after_a_restart_is_told_once() -> None:
    found = taken(
        "+ 1 aa web.app", f"{at(1)} 1 old", f"{at(2)} 1 same", f"{at(2)} 1 same",
        "+ 2 aa web.app", f"{at(1)} 2 old", f"{at(3)} 2 new", f"{at(2)} 1 late",
    )  # fmt: skip
    assert [one.line for one in found if isinstance(one, Entry)] == ["old", "same", "same", "new", "late"]


def test_the_same_line_of_two_containers_is_two() -> None:
    found = taken("+ 1 aa web.app", "+ 2 bb web.app", f"{at(1)} 1 x", f"{at(1)} 2 x")
    assert [one.container for one in found if isinstance(one, Entry)] == ["aa", "bb"]


def test_not_all_lines_are_remembered() -> None:
    log = HostLog("web-1")
    log.take("+ 1 aa web.app")
    for number in range(3 * REMEMBERED):
        assert log.take(f"{at(1)} 1 {number}")
    (container,) = log._containers.values()
    assert len(container.by) == len(container.recent) == REMEMBERED


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Error 1 response from daemon: it does not support reading",
         "Error response from daemon: it does not support reading"),
        ("oops", "oops"),
    ],
)  # fmt: skip
def test_what_docker_says_instead_of_a_line(line: str, said: str) -> None:
    assert taken("+ 1 aa web.app", line) == [said]


def test_a_line_waits_for_those_before_it() -> None:
    window = Window()
    one, two, three = (Entry(at(second), "web-1", "", "", "") for second in (1, 2, 3))
    window.add(two, now=0.0)
    window.add(three, now=0.0)
    window.add(one, now=HOLD / 2)
    assert list(window.due(HOLD)) == []
    assert list(window.due(HOLD * 2)) == [one, two, three]


DOCKER = r"""#!/bin/sh
echo "$*" >>"$LOG"
last() { for last; do :; done; echo "$last"; }
case $1 in
ps) [ -z "$BROKEN" ] || { echo "no right to use it" >&2; exit 3; }; printf 'aa,web.app\n\nbb,web.app\n' ;;
logs) case $(last "$@") in
  aa) echo "2026-01-31T10:00:01.000000000Z a one"; echo "2026-01-31T10:00:03.000000000Z a two" ;;
  bb) echo "2026-01-31T10:00:02.000000000Z b one" >&2 ;;
  cc) echo "2026-01-31T10:00:04.000000000Z c one" ;;
  esac ;;
events) printf '1769853600123456789 cc,web.app\n\n1769853601123456789 aa,web.app\n'; exec sleep 30 ;;
esac
"""


def host(tmp_path: Path, reading: Reading, **environment: str) -> subprocess.Popen[str]:
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    return subprocess.Popen(
        ["sh", "-c", reading.script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(tmp_path / "log"), **environment},
        start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("literal", "lines"), [("", ["a one", "b one", "a two"]), ("b o", ["b one"]), ("it's", [])]
)
def test_a_host_tells_its_logs_in_order(tmp_path: Path, literal: str, lines: list[str]) -> None:
    reading = Reading(PLACE, "web", "app", since="60s", lines="5", literal=literal)
    out, err = host(tmp_path, reading).communicate(timeout=20)
    found = taken(*out.splitlines())
    assert [one.line for one in found if isinstance(one, Entry)] == lines
    assert err == ""
    assert "logs --timestamps --since 60s --tail 5 aa" in (tmp_path / "log").read_text()


def test_a_host_whose_docker_cannot_be_asked(tmp_path: Path) -> None:
    process = host(tmp_path, Reading(PLACE), BROKEN="yes")
    assert process.communicate(timeout=20) == ("", "no right to use it\n")
    assert process.returncode == 3


def test_containers_that_begin_are_followed_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.run.log_script.LISTENING", 1)
    process = host(tmp_path, Reading(PLACE, "web", "app", follow=True))
    assert process.stdout
    assert process.stderr
    log, found = HostLog("web-1"), list[str]()
    while len(found) < 4 or len(log.begun) < 4:
        entry = log.take(process.stdout.readline().removesuffix("\n"))
        if isinstance(entry, Entry):
            found.append(entry.line)
    assert sorted(found) == ["a one", "a two", "b one", "c one"]
    assert log.begun == ["aa", "bb", "cc", "aa"]
    # Read again from a little before; the new one from its beginning.
    calls = "logs --timestamps --follow cc\n", "logs --timestamps --follow --since 1769853599.123456789 aa\n"
    deadline = time.monotonic() + 20
    while not all(call in (tmp_path / "log").read_text() for call in calls):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # Nobody listens any more, as after the death of the controller.
    process.stdout.close()
    assert process.wait(30) != 0
    process.stderr.close()
