"""The ``fleet`` command: exit codes, streams, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet.cli import FleetProgram
from fleet.tasks import ns
from tests.support.memory import MemoryFleet

HOSTS = """\
all:
  vars: {ansible_connection: local, fleet_project: shop, fleet_state_dir: "%s"}
  children: {web: {hosts: {web-1: , web-2: }}}
"""
COMPOSE = 'services: {app: {image: "registry.example:5000/app:{{ version }}"}}\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "inventories" / "test").mkdir(parents=True)
    (tmp_path / "roles" / "web").mkdir(parents=True)
    (tmp_path / "inventories" / "test" / "hosts.yml").write_text(HOSTS % (tmp_path / "state"))
    (tmp_path / "roles" / "web" / "compose.yml").write_text(COMPOSE)
    return tmp_path


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


class Fleet:
    """Runs ``fleet`` in a project, in this process: 20 ms instead of 400."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        for name in os.environ:
            if name.startswith(("FLEET_", "INVOKE_")):
                monkeypatch.delenv(name)

    def __call__(self, root: Path, *words: str, **environ: str) -> Done:
        self._monkeypatch.chdir(root)
        for name, value in environ.items():
            self._monkeypatch.setenv(name, value)
        self._capsys.readouterr()
        program = FleetProgram(namespace=ns, version="1", name="fleet", binary="fleet")
        try:
            program.run(["fleet", *words])
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = self._capsys.readouterr()
        return Done(code, out, err)


@pytest.fixture
def fleet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fleet:
    return Fleet(capsys, monkeypatch)


def process(root: Path, *words: str, first: str = "") -> Done:
    """In a process of its own, as an operator does it. ``first``: what it does before."""
    start = "import sys; from fleet.cli import program; sys.argv[0] = 'fleet'; program.run()"
    done = subprocess.run(
        [sys.executable, "-c", f"{first}{start}", *words], cwd=root, text=True, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("deploy", "--chekc"), "--chekc"),
        (("deplyo",), "deplyo"),
        (("status", "web-1"), "web-1"),
        (("exec", "--env", "test", "--timeout", "abc", "true"), "--timeout abc: seconds, as a whole number"),
        (("plan", "--env", "test", "--version", "v1", "--max-downtime", "5"), "--max-downtime 5: "),
        (("plan", "--env", "test", "--version", "v1", "--copy-rate", "fast"), "--copy-rate fast: "),
        (("exec", "--env", "test", "--timeout", "0", "true"), "--timeout 0"),
        (("status", "--env", "test", "--parallel", "many"), "--parallel many: how many hosts at once"),
        (("status", "--env", "test", "--parallel", "-1"), "--parallel"),
        (("status", "--env", "test", "--parallel", "9" * 5000), "--parallel 999"),
        (("deploy", "--env", "test", "--version", "v1", "--weight", "9" * 5000), "--weight 999"),
        (("deploy", "--env", "test", "--version", "v1", "--copy-rate", "9" * 400), "--copy-rate 999"),
        (("deploy", "--env", "test", "--unreachable", f"skip:{'9' * 5000}"), "--unreachable skip:999"),
        (("status",), "which environment?"),
        (("status", "--env", "tset"), "there is no environment 'tset'"),
        (("plan", "--env", "test"), "which version?"),
        (("exec", "--env", "test"), ""),
        (("exec", "-h", "--env", "test"), "-h is no command"),
        (("deploy", "--env", "test", "--version", "v1", "--plan", "none.json"), "cannot read the plan"),
        (("status", "--env", "test", "--limit", "nothing"), "nothing"),
        (("rehearse", "--fault", "host-deis"), "--fault host-deis, did you mean 'host-dies'?"),
        (("rehearse", "--fault", "host-dies", "--down"), "--fault breaks something in a rehearsal"),
        (("rehearse", "--fault", "host-dies", "--vagrant"), "--fault breaks the rehearsal's own containers"),
    ],
)  # fmt: skip
def test_wrong_use_ends_with_64_and_a_word(
    fleet: Fleet, project: Path, words: tuple[str, ...], says: str
) -> None:
    done = fleet(project, *words)
    assert done.returncode == 64, done
    assert says in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("volumes", "mvoe", "data"), "volumes has no action mvoe, did you mean 'move'?"),
        (("volumes", "--env", "test", "move", "data"), "it is: inv volumes move NAME --to HOST"),
        (("volumes", "confirm", "--env", "test"), "it is: inv volumes confirm NAME"),
        (("volumes", "snapshot", "--env", "test"), "it is: inv volumes snapshot NAME"),
        (("volumes", "restore", "data"), "it is: inv volumes restore NAME --snapshot ID"),
        (("volumes", "list", "data", "--snapshot", "x"), "it is: inv volumes list [NAME]"),
        (("volumes", "confirm", "data", "--env", "test", "--to", "db-1"), "it is: inv volumes confirm NAME"),
    ],
)  # fmt: skip
def test_words_that_may_be_left_out_are_read_from_the_line(
    project: Path, words: tuple[str, ...], says: str
) -> None:
    done = process(project, *words)
    assert done.returncode == 64, done
    assert says in done.stderr
    assert done.stdout == ""


def test_a_mistake_in_a_file_ends_with_65_and_its_place(fleet: Fleet, project: Path) -> None:
    (project / "roles" / "web" / "compose.yml").write_text("services: {app: {imgae: x}}\n")
    done = fleet(project, "validate", "--env", "test")
    assert done.returncode == 65
    assert "roles/web/compose.yml:1:18" in done.stderr


def test_a_typo_in_a_process_of_its_own(project: Path) -> None:
    done = process(project, "deploy", "--chekc")
    assert (done.returncode, done.stdout) == (64, "")
    assert "--chekc" in done.stderr


def test_outside_of_a_project(fleet: Fleet, tmp_path: Path) -> None:
    done = fleet(tmp_path, "validate", "--env", "test")
    assert done.returncode == 64
    assert done.stderr.startswith("error: no inventories/")


def test_what_is_asked_for_goes_to_standard_output(fleet: Fleet, project: Path) -> None:
    done = fleet(project, "inventory", "--env", "test", "--pattern", "web[0:0]")
    assert (done.returncode, done.stdout, done.stderr) == (0, "web-1\n", "")


def test_validate_says_what_there_is(fleet: Fleet, project: Path) -> None:
    done = fleet(project, "validate", FLEET_ENV="test")
    assert done.returncode == 0
    assert done.stdout.startswith("test is valid: 2 hosts")


@pytest.mark.parametrize(
    "words", [("printf '%s|' a 'b c'",), ("--", "printf", "%s|", "a", "b c")], ids=["line", "words"]
)
def test_exec_takes_a_line_or_words(project: Path, words: tuple[str, ...]) -> None:
    where = ("--env", "test", "--limit", "web-1")
    command = ("exec", *where, *words) if words[0] == "--" else ("exec", *words, *where)
    done = process(project, *command)
    assert done.returncode == 0, done
    assert done.stdout.splitlines()[0] == "web-1 | a|b c|"


def test_exec_takes_not_both(project: Path) -> None:
    done = process(project, "exec", "true", "--env", "test", "--", "true")
    assert done.returncode == 64


def test_a_command_that_fails_ends_with_1(fleet: Fleet, project: Path) -> None:
    done = fleet(project, "exec", "exit 3", "--env", "test", "--json")
    assert done.returncode == 1
    assert "exit status 3" in done.stdout


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_nobody_to_ask_is_wrong_use(
    fleet: Fleet, project: Path, flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = MemoryFleet(project / "hosts")
    hosts.registry.push("registry.example:5000/app:v1")
    monkeypatch.setattr("fleet.app.connections.Connector", hosts.connector)
    deploy = ("deploy", "--env", "test", "--version", "v1", *flags)
    done = fleet(project, *deploy)
    assert done.returncode == 64, done
    assert "this changes hosts and nobody can be asked here" in done.stdout + done.stderr
    assert "say --yes" in done.stdout + done.stderr
    assert not (project / ".fleet").exists()
    assert fleet(project, *deploy, "--check").returncode == 2
    assert [host.running() for host in hosts.hosts.values()] == [{}, {}]
    plan = ("plan", *deploy[1:])
    assert fleet(project, *plan, "--out", "saved.json").returncode == 2
    assert fleet(project, "deploy", "--plan", "saved.json", "--yes", "--limit", "web-1").returncode == 64
    (project / "inventories" / "other").mkdir()
    (project / "inventories" / "other" / "hosts.yml").write_text("all: {hosts: {a: }}\n")
    assert fleet(project, "deploy", "--plan", "saved.json", "--yes", "--env", "other").returncode == 64


def test_the_list_of_tasks_and_the_help_of_one(fleet: Fleet, project: Path) -> None:
    assert "deploy" in fleet(project, "--list").stdout
    assert "--limit" in fleet(project, "--help", "deploy").stdout


def test_validate_needs_no_network(fleet: Fleet, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a socket nor a name, and no program that might open one."""

    def used(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    for name in (
        "socket.socket.connect",
        "socket.getaddrinfo",
        "socket.create_connection",
        "subprocess.Popen",
    ):
        monkeypatch.setattr(name, used)
    hosts = project / "inventories" / "test" / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("ansible_connection: local, ", ""))
    done = fleet(project, "validate", "--env", "test")
    assert done == Done(0, "test is valid: 2 hosts, 1 role, 2 services, 0 secrets referred to\n", "")


def test_the_projects_invoke_yaml_counts_for_fleet_too(fleet: Fleet, project: Path) -> None:
    (project / "invoke.yaml").write_text("fleet: {env: test}\n")
    assert fleet(project / "roles" / "web", "validate").returncode == 0


def test_an_invoke_yaml_that_cannot_be_read(fleet: Fleet, project: Path) -> None:
    (project / "invoke.yaml").write_text("fleet: {env: [\n")
    done = fleet(project, "validate", "--env", "test")
    assert done.returncode == 65
    assert "the project's invoke.yaml cannot be read" in done.stderr


def test_an_invoke_yaml_that_is_no_mapping_or_no_file(fleet: Fleet, project: Path) -> None:
    path = project / "invoke.yaml"
    path.write_text("- a\n")
    done = fleet(project, "validate", "--env", "test")
    assert (done.returncode, done.stderr) == (
        65,
        "error: the project's invoke.yaml cannot be read: "
        "it is a mapping, such as fleet: {env: production}\n",
    )  # fmt: skip
    path.unlink()
    path.mkdir()
    done = fleet(project, "validate", "--env", "test")
    assert done.returncode == 65
    assert "cannot be read: [Errno 21] Is a directory" in done.stderr


def test_a_directory_that_is_not_there_any_more(tmp_path: Path) -> None:
    done = process(tmp_path, "validate", first=f"import os; os.rmdir({str(tmp_path)!r}); ")
    assert done.returncode == 64
    assert "error: this directory is not there any more\n  → cd into the project again" in done.stderr


def test_init_writes_a_project_and_never_over_one(fleet: Fleet, tmp_path: Path) -> None:
    done = fleet(tmp_path, "init")
    assert done.returncode == 0
    assert "  roles/web/compose.yml\n" in done.stdout
    assert fleet(tmp_path, "validate").returncode == 0
    again = fleet(tmp_path, "init")
    assert again.returncode == 64
    assert "there is something here already: README.md, " in again.stderr
