"""What an operator can write wrong: told at once, with the place, before any connection."""

from __future__ import annotations

import pytest

from tests.support.project import ENV, Project

GOOD = """\
services:
  app:
    image: "registry.example/app:{{ version }}"
    ports: ["8001:8000"]
"""
OTHER = GOOD.partition("\n")[2].replace("app:\n", "other:\n").replace("8001", "8002")


@pytest.fixture(autouse=True)
def unreachable(project: Project) -> None:
    """Whoever tried to connect would end with 69."""
    project.inventory({"web": ["nowhere"]})
    project.write("roles/web/compose.yml", GOOD)


WRONG = {
    "open-bracket": ("services:\n  app: [\n", "3:1: "),
    "tab": ("services:\n  app:\n\timage: x\n", "3:1: "),
    "unknown-key": (GOOD + "    imagee: x\n", "5:5: unknown key 'imagee', did you mean 'image'?"),
    "duplicate-key": (GOOD + "    ports: []\n", "5:5: "),
    "undefined-variable": (GOOD + "    user: '{{ who }}'\n", "5:11: "),
    "build": (GOOD + "    ports_: 1\n    build: .\n", "6:5: "),
    "bad-port": (GOOD.replace('["8001:8000"]', '["800100:8000"]'), "4:13: "),
    "self": (GOOD + "    depends_on: [app]\n", "5:18: services depend on each other in a circle: app → app"),
    "circle": (GOOD + "    depends_on: [other]\n" + OTHER + "    depends_on: [app]\n", "app → other → app"),
}


def test_every_mistake_of_every_role_is_told_at_once_with_its_place(project: Project) -> None:
    project.inventory({role: ["nowhere"] for role in WRONG})
    for role, (text, _) in WRONG.items():
        project.write(f"roles/{role}/compose.yml", text)
    told = project.deploy("v1").ended(65)
    for role, (_, words) in WRONG.items():
        assert any(f"roles/{role}/compose.yml:" in line and words in line for line in told.text.splitlines())


def test_a_cycle_between_roles_is_named(project: Project) -> None:
    project.inventory({"web": ["nowhere"], "api": ["nowhere"]})
    project.write("roles/web/compose.yml", "x-fleet: {needs: [api]}\n" + GOOD)
    project.write("roles/api/compose.yml", "x-fleet: {needs: [web]}\n" + GOOD.replace("8001", "8002"))
    project.deploy("v1").ended(65).says("roles need each other in a circle: web → api → web")


def test_an_inventory_that_is_no_yaml_is_told_with_its_place(project: Project) -> None:
    project.write(f"inventories/{ENV}/hosts.yml", "all:\n  hosts: {web-1\n")
    project.deploy("v1").ended(65).says(f"inventories/{ENV}/hosts.yml:")


def test_an_unknown_host_in_limit_is_told_with_a_suggestion(project: Project) -> None:
    project.deploy("v1", "--limit", "nowere").ended(64).says("nowere", "nowhere")


def test_an_unknown_role_is_told_with_a_suggestion(project: Project) -> None:
    project.deploy("v1", "--roles", "wep").ended(64).says("wep", "did you mean", "web")


def test_a_typo_in_a_flag_is_an_error_and_no_value(project: Project) -> None:
    project.write("tasks.py", "from fleet.tasks import ns\n\n__all__ = ['ns']\n")
    words = ("deploy", "--env", ENV, "--chekc", "--yes")
    project.run(*words).ended(64).says("--chekc")
    project.inv(*words).ended(1).says("--chekc")


def test_an_unknown_environment_lists_those_that_there_are(project: Project) -> None:
    project.run("deploy", "--env", "tset", "--yes").ended(64).says("tset", "did you mean", ENV)
    project.run("deploy", "--yes").ended(64).says("which environment?", f"--env {ENV}")


def test_without_a_version_and_without_a_tag_one_is_asked_for(project: Project) -> None:
    project.run("deploy", "--env", ENV, "--yes").ended(64).says("--version")


def test_outside_of_a_project_it_is_said_what_one_is(project: Project) -> None:
    project.root = project.root.parent / "elsewhere"
    project.root.mkdir()
    project.run("deploy", "--env", ENV, "--version", "v1").ended(64).says("inventories/")


def test_a_file_that_is_no_plan_is_refused(project: Project) -> None:
    project.write("plan.json", "{}")
    project.run("deploy", "--plan", "plan.json", "--yes").ended(64).says("plan.json is not a plan", "--out")
    project.run("deploy", "--plan", "none.json", "--yes").ended(64).says("none.json")


def test_validate_needs_no_network(project: Project) -> None:
    project.run("validate", "--env", ENV, "--version", "v1").ended(0)
    project.write("roles/web/compose.yml", GOOD + "    imagee: x\n")
    project.run("validate", "--env", ENV, "--version", "v1").ended(65).says("compose.yml:5:5")


def test_the_environment_may_come_from_the_shell_or_from_invokes_configuration(project: Project) -> None:
    project.run("validate", "--version", "v1").ended(64).says("which environment?")
    project.environ["FLEET_ENV"] = ENV
    project.run("validate", "--version", "v1").ended(0)
    project.environ["FLEET_ENV"] = ""
    project.write("tasks.py", "from fleet.tasks import ns\n\n__all__ = ['ns']\n")
    project.write("invoke.yaml", f"fleet: {{env: {ENV}}}\n")
    project.inv("validate", "--version", "v1").ended(0)


def test_a_number_of_hosts_must_be_a_number(project: Project) -> None:
    project.deploy("v1", "--parallel", "many").ended(64).says("--parallel many", "as a whole number")
