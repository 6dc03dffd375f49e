"""A line within a container, a script of the operator's: what reaches the host is run as it was meant."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleet.model.place import Place
from fleet.run.inside import inside, inside_each, terminal
from fleet.run.uploaded import uploaded

PLACE = Place("/var/lib/fleet", "shop", "live")
DOCKER = r"""#!/bin/sh
echo "$*" >>"$LOG"
case $1 in
ps) printf '%s' "$ROWS" ;;
exec) shift; while [ "$1" != sh ]; do shift; done; exec "$@" ;;
esac
"""


def run(tmp_path: Path, script: str, rows: str = "") -> subprocess.CompletedProcess[str]:
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin", "ROWS": rows, "LOG": str(tmp_path / "log"),
        "TMPDIR": str(tmp_path / "tmp"),
    }  # fmt: skip
    (tmp_path / "tmp").mkdir(exist_ok=True)
    done = subprocess.run(
        ["sh", "-c", script], env=environment, capture_output=True, text=True, timeout=20, check=False,
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert not list((tmp_path / "tmp").iterdir())
    return done


def test_the_newest_container_that_is_no_job_runs_the_line(tmp_path: Path) -> None:
    line = """printf '%s|' "it's" '$HOME' "$0"; exit 3"""
    done = run(tmp_path, inside(PLACE, "web", "app", line), "cc migrate\nbb \naa \n")
    assert (done.stdout, done.returncode) == ("it's|$HOME|sh|", 3)
    ps, called = (tmp_path / "log").read_text().splitlines()[:2]
    assert "--filter label=fleet.project=shop --filter label=fleet.env=live" in ps
    assert called.startswith("exec -i bb sh -c ")


def test_no_container_is_an_error_in_words(tmp_path: Path) -> None:
    done = run(tmp_path, inside(PLACE, "web", "app", "true"))
    assert (done.returncode, done.stderr) == (1, "web.app does not run here\n")


def test_of_several_instances_each_runs_the_line_under_its_name(tmp_path: Path) -> None:
    line = "echo here; [ ! -e seen ]; was=$?; touch seen; exit $((was * 3))"
    script = f"cd {tmp_path}\n" + inside_each(PLACE, "web", "app", line)
    done = run(tmp_path, script, "10,cc,web.app-10\n2,bb,web.app-2\n,aa,web.app\n")
    assert done.stdout.split() == ["web.app:", "here", "web.app-2:", "here", "web.app-10:", "here"]
    assert done.stderr.splitlines() == ["web.app-2: exit status 3", "web.app-10: exit status 3"]
    assert done.returncode == 3
    called = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("exec")]
    assert [line.split()[2] for line in called] == ["aa", "bb", "cc"]


def test_one_instance_that_is_left_needs_no_name(tmp_path: Path) -> None:
    done = run(tmp_path, inside_each(PLACE, "web", "app", "echo here; exit 3"), ",aa,web.app\n")
    assert (done.stdout, done.stderr, done.returncode) == ("here\n", "", 3)
    none = run(tmp_path, inside_each(PLACE, "web", "app", "true"))
    assert (none.returncode, none.stderr) == (1, "web.app does not run here\n")


def test_a_terminal_has_a_shell_where_no_line_is_given(tmp_path: Path) -> None:
    run(tmp_path, terminal(PLACE, "web", "app", ""), "bb \n")
    assert "exec -it bb sh -c command -v bash" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("content", "printed"),
    [
        (b'echo "$1|$2"; cat\n', "a b|it's $HOME\n"),
        (b"#!/bin/sh -e\nfalse\necho on\n", ""),
        (b"#!/usr/bin/env python3\nimport sys; print(sys.argv[1:], end='')\n", "['a b', \"it's $HOME\"]"),
        (b"printf 'FLEET_END\\n'\n", "FLEET_END\n"),
    ],
)
def test_a_script_gets_its_arguments_as_they_are(tmp_path: Path, content: bytes, printed: str) -> None:
    done = run(tmp_path, uploaded(content, ["a b", "it's $HOME"]))
    assert done.stdout == printed
    assert done.returncode == (1 if b"false" in content else 0)
