"""The way of one deploy, on real hosts: what is done, what is shown, what is kept."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.deploy import prepare
from fleet.app.options import Options
from fleet.app.session import Session
from fleet.cli import program
from fleet.rehearsal import Host
from fleet.report.jsonl import JsonReport
from fleet.secret import Keyring
from tests.support.look import answer, containers, ids, only_version, versions
from tests.support.project import ENV, Project, service

Web = Callable[[int], Host]


@pytest.fixture
def alone(project: Project) -> Project:
    """On one host, where others have no part in it."""
    project.inventory({"web": ["web-1"]})
    return project


def test_a_first_deploy_brings_the_service_up_on_every_host(project: Project, web: Web) -> None:
    project.deploy("v1").ended(0).says("test is at v1", "web.app  v1        web-[1-3]")
    for number in (1, 2, 3):
        assert answer(web(number)) == "ok v1"
        labels = containers(web(number))[f"{project.name}-test-web-app-1"]["Config"]["Labels"]
        assert labels["fleet.project"] == project.name
        assert labels["fleet.release"] == "v1"


def test_a_second_deploy_finds_nothing_to_do_in_two_round_trips_a_host(project: Project, web: Web) -> None:
    project.deploy("v1").ended(0)
    before = [ids(web(number)) for number in (1, 2, 3)]
    again = project.deploy("v1").ended(0).says("Nothing to do")
    assert "replace" not in again.text
    assert [ids(web(number)) for number in (1, 2, 3)] == before
    session = Session.open(Options(project.root, ENV, version="v1"), JsonReport(), Keyring())
    with Connections(session) as connections, Custody(session, connections, "a look") as custody:
        assert prepare(session, connections, custody).plan.empty
        calls = {name: transport.calls for name, transport in connections.transports.items()}
    assert calls.keys() == {"web-1", "web-2", "web-3"}
    assert max(calls.values()) <= 2


def test_a_new_version_replaces_the_old_host_by_host(project: Project, web: Web) -> None:
    project.role(update={"parallelism": 1})
    project.deploy("v1").ended(0)
    project.deploy("v2").ended(0).says("replace", "image v1 → v2", "batch 3 of 3: web-3")
    assert [only_version(web(number)) for number in (1, 2, 3)] == ["v2"] * 3


def test_inv_runs_the_same_tasks(alone: Project, web: Web) -> None:
    alone.write("tasks.py", "from fleet.tasks import ns\n\n__all__ = ['ns']\n")
    words = ("deploy", "--env", ENV, "--version", "v1")
    alone.inv(*words, "--yes").ended(0).says("test is at v1")
    assert answer(web(1)) == "ok v1"
    assert program.name == "fleet"


def test_without_yes_and_without_a_terminal_nobody_is_asked_and_nothing_happens(
    alone: Project, web: Web
) -> None:
    alone.run("deploy", "--env", ENV, "--version", "v1").ended(64).says("--yes")
    assert containers(web(1)) == {}


def test_check_shows_the_plan_ends_with_2_and_changes_nothing(alone: Project, web: Web) -> None:
    alone.deploy("v1", "--check").ended(2).says("start")
    assert containers(web(1)) == {}
    alone.deploy("v1").ended(0)
    alone.deploy("v1", "--check").ended(0)
    alone.plan("v2").ended(2).says("image v1 → v2")
    assert only_version(web(1)) == "v1"


def test_limit_leaves_the_other_hosts_alone(project: Project, web: Web) -> None:
    project.deploy("v1", "--limit", "web:!web-3").ended(0)
    assert [len(containers(web(number))) for number in (1, 2, 3)] == [1, 1, 0]


def test_roles_leaves_the_other_roles_alone(project: Project, web: Web) -> None:
    project.inventory({"web": ["web-1"], "worker": ["web-1"]})
    project.role("worker", ports=["8002:8000"])
    project.deploy("v1").ended(0)
    project.deploy("v2", "--roles", "worker").ended(0)
    found = versions(web(1))
    assert found == {f"{project.name}-test-web-app-1": "v1", f"{project.name}-test-worker-app-1": "v2"}


def test_a_role_waits_for_the_roles_that_it_needs(project: Project, web: Web) -> None:
    project.inventory({"api": ["web-1"], "web": ["web-2"]})
    project.compose("api", {"app": service()}, x_fleet={"needs": ["web"]})
    events = project.deploy("v1", "--json").ended(0).events
    done = [event["step"] for event in events if event["event"] == "StepFinished"]
    assert done.index("web-2/gate:web.app") < done.index("web-1/container:api.app")


def test_a_saved_plan_is_carried_out_as_it_was_shown(project: Project, web: Web) -> None:
    project.deploy("v1").ended(0)
    saved = project.root / "plan.json"
    shown = project.plan("v2", "--out", str(saved)).ended(2).says(f"--plan {saved}")
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    project.run("deploy", "--plan", str(saved), "--yes").ended(0).says("test is at v2")
    assert "image v1 → v2" in shown.out
    assert [only_version(web(number)) for number in (1, 2, 3)] == ["v2"] * 3


def test_a_saved_plan_is_refused_after_a_hand_made_change(project: Project, web: Web) -> None:
    project.deploy("v1").ended(0)
    saved = project.root / "plan.json"
    project.plan("v2", "--out", str(saved)).ended(2)
    web(2).run(f"docker rm -f {project.name}-test-web-app-1")
    refused = project.run("deploy", "--plan", str(saved), "--yes").ended(75)
    refused.says("the fleet is not as the plan saw it; nothing was changed", "start", "web-2", "inv plan")
    assert only_version(web(1)) == "v1"
    assert containers(web(2)) == {}


def test_a_saved_plan_is_refused_when_a_container_was_replaced_behind_its_back(
    alone: Project, web: Web
) -> None:
    alone.deploy("v1").ended(0)
    saved = alone.root / "plan.json"
    alone.plan("v2", "--out", str(saved)).ended(2)
    alone.deploy("v3").ended(0)
    alone.run("deploy", "--plan", str(saved), "--yes").ended(75).says(
        "nothing was changed", "container", "image v3 → v2"
    )
    assert only_version(web(1)) == "v3"


def test_what_was_stopped_or_altered_by_hand_is_put_right(alone: Project, web: Web) -> None:
    alone.deploy("v1").ended(0)
    web(1).run(f"docker stop -t 0 {alone.name}-test-web-app-1")
    alone.deploy("v1").ended(0).says("not running")
    assert only_version(web(1)) == "v1"
    assert answer(web(1)) == "ok v1"


def test_json_is_nothing_but_events(alone: Project) -> None:
    done = alone.deploy("v1", "--json").ended(0)
    kinds = [event["event"] for event in done.events]
    assert done.err == ""
    assert kinds[-1] == "RunFinished"
    assert {"Gathered", "Planned", "RunStarted", "StepFinished"} <= set(kinds)
    failed = alone.deploy("nowhere", "--json").ended(1)
    assert "nowhere" in failed.events[-1]["text"]


def test_the_journal_is_private_and_holds_the_plan_and_every_event(alone: Project) -> None:
    alone.deploy("v1").ended(0)
    (run,) = alone.runs
    assert "start" in (run / "plan.txt").read_text()
    assert '"RunFinished"' in (run / "events.jsonl").read_text()
    for path in (run.parent, run, *run.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_status_tells_who_runs_what(project: Project, web: Web) -> None:
    project.deploy("v1", "--limit", "web-1,web-2").ended(0)
    web(2).run(f"docker stop -t 0 {project.name}-test-web-app-1")
    told = project.run("status", "--env", ENV).ended(0)
    rows = {line.split()[1]: line for line in told.out.splitlines() if line.startswith("web.app")}
    assert "v1" in rows["web-1"]
    assert "exited" in rows["web-2"]
    assert "not deployed" in rows["web-3"]


def test_exec_runs_everywhere_and_tells_each_host_apart(project: Project) -> None:
    done = project.run("exec", "hostname; test $(hostname) != web-2", "--env", ENV).ended(1)
    done.says("web-1 | web-1", "failed on 1 of 3 hosts", "web-2: exit status 1")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_working_directory_may_be_anywhere_in_the_project(
    project: Project, version: str, tmp_path: Path
) -> None:
    assert tmp_path in project.root.parents
    project.root = project.root / "roles" / "web"
    project.deploy(version, "--limit", "web-1", "--check").ended(2)
