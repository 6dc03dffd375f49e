"""Aliases of a project's invoke.yaml, and what the shell is told when it completes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.context import Context
from invoke.parser import Parser

from fleet.tasks import ns
from fleet.tasks.aliases import with_aliases
from fleet.tasks.common import Given, operator_task
from fleet.tasks.complete import values
from tests.unit.test_cli import process

HOSTS = """\
all:
  vars: {ansible_connection: local, fleet_project: shop}
  children: {web: {hosts: {web-1: , web-2: }}}
"""
CALLS: list[dict[str, object]] = []


@operator_task("env", "yes", command="what", to="where")
def go(given: Given, command: str | None = None, to: str = "") -> None:
    """Goes."""
    CALLS.append({**given.flags, "command": command, "to": to})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "inventories" / "test").mkdir(parents=True)
    (tmp_path / "inventories" / "test" / "hosts.yml").write_text(HOSTS)
    return tmp_path


def called(project: Path, line: str, *typed: str) -> dict[str, object]:
    (project / "invoke.yaml").write_text(f"fleet: {{aliases: {{short: {line!r}}}}}\n")
    tasks = with_aliases(Collection(go), project)
    (context,) = Parser(contexts=tasks.to_contexts()).parse_argv(["short", *typed])
    CALLS.clear()
    tasks.tasks["short"](Context(), **{one.attr_name or one.name: one.value for one in context.args.values()})
    return CALLS[0]


@pytest.mark.parametrize(
    ("line", "typed", "call"),
    [
        ("go there --env test --yes", [], {"env": "test", "yes": True, "command": "there", "to": ""}),
        ("go there --env test", ["--env", "live", "--to", "x"],
         {"env": "live", "yes": False, "command": "there", "to": "x"}),
        ("go --to x", ["there"], {"env": "", "yes": False, "command": "there", "to": "x"}),
        ('go "two words"', [], {"env": "", "yes": False, "command": "two words", "to": ""}),
        ("go --yes -- df -h 'a b'", [], {"env": "", "yes": True, "command": "df -h 'a b'", "to": ""}),
    ],
)  # fmt: skip
def test_an_alias_is_its_task_with_other_defaults(
    project: Path, line: str, typed: list[str], call: dict[str, object]
) -> None:
    assert called(project, line, *typed) == call


@pytest.mark.parametrize(
    ("aliases", "says"),
    [
        ("{x: deplyo --yes}", "fleet.aliases.x: there is no task 'deplyo', did you mean 'deploy'?"),
        ("{x: deploy --nop}", "fleet.aliases.x: No idea what '--nop' is!"),
        ("{deploy: status}", "fleet.aliases.deploy: there is a task of that name"),
        ("{x: 'exec \"df'}", "fleet.aliases.x: No closing quotation"),
        ("{x: ''}", "fleet.aliases.x: there is no task ''"),
        ("{x: 5}", "fleet.aliases.x: a name and a line, as in stage: deploy --env staging"),
        ("[x]", "fleet.aliases: it is a mapping of names to lines"),
    ],
)
def test_a_mistake_is_told_before_anything_else(
    project: Path, aliases: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "invoke.yaml").write_text(f"fleet:\n  aliases: {aliases}\n")
    with pytest.raises(SystemExit) as end:
        with_aliases(Collection(ns.tasks["deploy"], ns.tasks["status"], ns.tasks["exec"]), project)
    assert end.value.code == 65
    assert capsys.readouterr().err.startswith(f"error: invoke.yaml: {says}")


@pytest.mark.parametrize("text", ["", "fleet:\n", "fleet: {aliases: }\n", "run: {echo: true}\n", "a: [\n"])
def test_files_without_aliases(project: Path, text: str) -> None:
    (project / "invoke.yaml").write_text(text)
    assert set(with_aliases(Collection(go), project).tasks) == {"go"}


def test_no_project_has_no_aliases(tmp_path: Path) -> None:
    assert set(with_aliases(Collection(go), tmp_path).tasks) == {"go"}


def test_an_alias_in_a_process_of_its_own(project: Path) -> None:
    (project / "invoke.yaml").write_text(
        "fleet: {env: test, aliases: {say: exec --limit web-2 -- echo 'a  b'}}\n"
    )
    done = process(project, "say")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].endswith("| a  b")
    assert "exec --limit web-2 -- echo 'a  b' (invoke.yaml)." in process(project, "--list").stdout
    (project / "tasks.py").write_text("from fleet.tasks import ns\n\n__all__ = ['ns']\n")
    inv = subprocess.run(
        [sys.executable, "-m", "invoke", "say"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert inv.stdout.splitlines()[0].endswith("| a  b")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("fleet status --env", ["test"]),
        ("fleet status --env te", ["test"]),
        ("fleet status --env test --limit", ["web-1", "web-2", "all", "web", "ungrouped"]),
        ("fleet status --limit w", ["web-1", "web-2", "all", "web", "ungrouped"]),
        ("fleet drain", ["web-1", "web-2", "all", "web", "ungrouped", "drain"]),
        ("fleet ssh we", ["web-1", "web-2", "all", "web", "ungrouped"]),
        ("fleet status --env none --limit", []),
        ("fleet drain web-1 --for", None),
        ("fleet sta", None),
        ("fleet", None),
    ],
)
def test_what_is_completed(project: Path, line: str, found: list[str] | None) -> None:
    completed = values(line, "test", project)
    assert (completed if completed is None else sorted(completed)) == (
        found if found is None else sorted(found)
    )


def test_outside_of_a_project_there_is_nothing_to_know(tmp_path: Path) -> None:
    assert values("fleet status --env", "", tmp_path) is None


BASH = """\
source <(fleet --print-completion-script bash)
try() {
  COMP_WORDS=("$@") COMPREPLY=()
  _complete_fleet fleet "${@: -1}"
  echo "${COMPREPLY[*]}"
}
try fleet sta
try fleet status --pa
try fleet status --env ""
try fleet exec '"docker p'
"""


def test_bash_completes(project: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    program = project / "bin" / "fleet"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from fleet.cli import program\nprogram.run()\n"
    )
    program.chmod(0o755)
    done = subprocess.run(
        [bash, "-c", BASH], cwd=project, env={"PATH": f"{program.parent}:/usr/bin:/bin"}, capture_output=True,
        text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["status", "--parallel", "test", ""]
    assert done.stderr == ""


def test_the_example_in_the_docs(project: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
    example = re.search(r"^```text\n(fleet:\n.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert example
    (project / "invoke.yaml").write_text(example[1])
    tasks = with_aliases(Collection(ns.tasks["deploy"], ns.tasks["exec"]), project)
    assert set(tasks.tasks) == {"deploy", "exec", "ship", "disk"}
