"""Hooks: what they are told, what their end means, and that nothing of them is left running."""

from __future__ import annotations

import json
import os
import pathlib
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from fleet.errors import ConfigErrors, FleetError, Interrupted
from fleet.model.services import UpdatePolicy
from fleet.plan.tree import Rollout
from fleet.report import events as ev
from fleet.run.hooks import AFTERWARDS, NAMES, HookFacts, HookFailed, Hooks
from tests.support.processes import ends
from tests.unit.docs.pages import ROOT, blocks, text

PAGE = ROOT / "docs" / "hooks.md"
FACTS = HookFacts(
    env="production",
    version="v42",
    run="20260131-142233-4711",
    command="deploy",
    who="anna",
    hosts=("web-1", "web-2"),
    release=7,
)
STOPPING = [name for name in NAMES if name not in AFTERWARDS]


class Project:
    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.events: list[ev.Event] = []
        self.cancel = threading.Event()
        self.on_event: Callable[[ev.Event], None] = lambda event: None

    def emit(self, event: ev.Event) -> None:
        self.events.append(event)
        self.on_event(event)

    def hook(self, name: str, script: str, mode: int = 0o755) -> None:
        path = self.root / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n")
        path.chmod(mode)

    def hooks(self, timeout: float = 30) -> Hooks:
        return Hooks(self.root, self.emit, self.cancel, timeout=timeout)

    def check(self) -> list[tuple[str, str]]:
        with pytest.raises(ConfigErrors) as caught:
            self.hooks().check()
        return [(error.what, error.hint) for error in caught.value.errors]

    def output(self) -> list[tuple[str, str, str]]:
        return [(one.host, one.stream, one.line) for one in self.events if isinstance(one, ev.Output)]

    def notes(self) -> list[tuple[str, str]]:
        return [(one.text, one.level) for one in self.events if isinstance(one, ev.Note)]


@pytest.fixture
def project(tmp_path: pathlib.Path) -> Project:
    root = tmp_path / "my project"
    root.mkdir()
    return Project(root)


def rollout(batches: int) -> Rollout:
    return Rollout("web.app", "web", ((),) * batches, UpdatePolicy(), total=batches)


def test_a_project_without_hooks(project: Project) -> None:
    project.hooks().check()
    for name in NAMES:
        project.hooks().run(name, FACTS)
    assert project.events == []


def test_a_hook_runs_in_the_projects_root_and_is_heard_line_by_line(project: Project) -> None:
    project.hook("pre-deploy", "pwd; echo careful >&2; printf 'no newline'")
    project.hooks().run("pre-deploy", FACTS)
    assert project.notes() == [("hook pre-deploy", "info")]
    heard = project.output()
    assert {one for one in heard if one[1] == "out"} == {
        ("hook pre-deploy", "out", str(project.root)),
        ("hook pre-deploy", "out", "no newline"),
    }
    assert [one for one in heard if one[1] == "err"] == [("hook pre-deploy", "err", "careful")]


def test_the_run_is_described_in_the_environment_and_as_json(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPERATORS_OWN", "kept")
    # As if a hook started another run.
    monkeypatch.setenv("FLEET_BATCH", "99")
    project.hook("pre-connect", "env > told; cat > told.json")
    project.hooks().run("pre-connect", FACTS)
    told = dict(line.split("=", 1) for line in (project.root / "told").read_text().splitlines())
    assert told["OPERATORS_OWN"] == "kept"
    assert {name: value for name, value in told.items() if name.startswith("FLEET_")} == {
        "FLEET_HOOK": "pre-connect",
        "FLEET_ENV": "production",
        "FLEET_VERSION": "v42",
        "FLEET_RELEASE": "7",
        "FLEET_RUN": "20260131-142233-4711",
        "FLEET_COMMAND": "deploy",
        "FLEET_WHO": "anna",
        "FLEET_HOSTS": "web-1 web-2",
        **{
            f"FLEET_{name}": ""
            for name in ["ROLES", "SERVICE", "BATCH", "BATCHES", "BATCH_HOSTS", "OUTCOME", "SECONDS", "WHY"]
        },
    }
    described = json.loads((project.root / "told.json").read_text())
    assert described["hook"] == "pre-connect"
    assert described["hosts"] == ["web-1", "web-2"]
    assert described["release"] == 7
    assert described["batch"] is None


def test_a_batch_and_an_end_are_described(project: Project) -> None:
    project.hook("post-batch", 'echo "$FLEET_SERVICE $FLEET_BATCH/$FLEET_BATCHES $FLEET_BATCH_HOSTS"')
    project.hook("on-failure", 'echo "$FLEET_OUTCOME $FLEET_SECONDS $FLEET_WHY"')
    project.hooks().run("post-batch", FACTS.of_batch(rollout(3), 2, ["web-2", "web-3"]))
    project.hooks().run("on-failure", FACTS.ended("failed", 12.5, "web.app failed on web-2"))
    assert [line for _, _, line in project.output()] == [
        "web.app 2/3 web-2 web-3",
        "failed 12.5 web.app failed on web-2",
    ]
    assert project.notes()[0] == ("hook post-batch: web.app, batch 2 of 3", "info")


@pytest.mark.parametrize("name", STOPPING)
def test_a_failing_hook_stops_what_it_guards(project: Project, name: str) -> None:
    project.hook(name, "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; exit 3")
    with pytest.raises(HookFailed) as caught:
        project.hooks().run(name, FACTS)
    assert caught.value.what == f"hook {name} failed: exit status 3"
    assert caught.value.why.splitlines() == [f"line {number}" for number in range(3, 13)]
    assert caught.value.hint.startswith(NAMES[name])


@pytest.mark.parametrize("name", AFTERWARDS)
def test_after_the_run_a_failing_hook_only_warns(project: Project, name: str) -> None:
    project.hook(name, "echo no network; exit 1")
    project.hooks().run(name, FACTS)
    warning, level = project.notes()[-1]
    assert warning.startswith(f"hook {name} failed: exit status 1\n    no network\n")
    assert level == "warning"


def test_a_hook_that_is_killed_or_cannot_begin(project: Project) -> None:
    project.hook("pre-deploy", "kill -9 $$")
    with pytest.raises(HookFailed, match="hook pre-deploy failed: killed by SIGKILL"):
        project.hooks().run("pre-deploy", FACTS)
    project.hook("pre-batch", "#!/no/such/interpreter\n")
    with pytest.raises(HookFailed, match=r"hook pre-batch failed: exit status 12[67]") as caught:
        project.hooks().run("pre-batch", FACTS)
    assert "pre-batch" in caught.value.why


def test_a_hook_that_hangs_is_killed_with_its_children(project: Project) -> None:
    project.hook("pre-deploy", "(trap '' TERM; echo $$; exec sleep 300) & echo $! > child; wait")
    with pytest.raises(HookFailed, match=r"hook pre-deploy failed: no end after 0\.5 s"):
        project.hooks(timeout=0.5).run("pre-deploy", FACTS)
    assert ends(int((project.root / "child").read_text()))


def test_a_second_interrupt_kills_it(project: Project) -> None:
    project.hook("pre-batch", "echo $$ > me; echo ready; exec sleep 300")
    project.on_event = lambda event: project.cancel.set() if isinstance(event, ev.Output) else None
    with pytest.raises(Interrupted, match="interrupted in hook pre-batch"):
        project.hooks().run("pre-batch", FACTS)
    assert ends(int((project.root / "me").read_text()))
    with pytest.raises(Interrupted, match="hook pre-batch was not run"):
        project.hooks().run("pre-batch", FACTS)


def test_a_hook_that_cannot_be_told(project: Project) -> None:
    project.hook("pre-deploy", "true")
    with pytest.raises(HookFailed, match="hook pre-deploy cannot be started") as caught:
        project.hooks().run("pre-deploy", FACTS.ended("failed", 1, "x" * 1_000_000))
    assert caught.value.why == "Argument list too long"
    project.hooks().run("pre-deploy", FACTS.ended("failed", 1, "a byte \0 of a container's output"))


def test_a_hook_is_in_a_session_of_its_own(project: Project) -> None:
    project.hook("pre-deploy", "read -r _ _ _ _ group session _ </proc/$$/stat; echo $$ $group $session")
    project.hooks().run("pre-deploy", FACTS)
    own, group, session = project.output()[0][2].split()
    assert own == group == session != str(os.getsid(0))


def test_a_hook_that_reads_nothing_or_leaves_a_child_behind(project: Project) -> None:
    project.hook("post-batch", "sleep 300 & echo $! > child")
    long = FACTS.ended("failed", 1, "x" * 100_000)
    began = time.monotonic()
    project.hooks().run("post-batch", long)
    assert time.monotonic() - began < 5
    os.kill(int((project.root / "child").read_text()), 9)


def test_what_is_wrong_in_the_directory_is_told_before_anything_runs(project: Project) -> None:
    project.hook("pre-deploy", "", mode=0o644)
    project.hook("pre-deply", "")
    project.hook("post-batch.sh", "")
    (project.root / "hooks" / "on-failure").mkdir()
    assert project.check() == [
        ("hooks/on-failure is not a file", "a hook is a program or a script"),
        ("hooks/post-batch.sh would never be run", "rename it to hooks/post-batch"),
        ("hooks/pre-deploy is not executable", "chmod +x hooks/pre-deploy"),
        (
            "hooks/pre-deply: there is no such hook, did you mean 'pre-deploy'?",
            f"hooks are {', '.join(NAMES)}; a file beside them has an extension",
        ),
    ]


def test_a_link_that_leads_nowhere_is_no_hook_that_is_not_there(project: Project) -> None:
    project.hook("pre-deploy", "")
    (project.root / "hooks" / "pre-batch").symlink_to("nowhere")
    assert project.check() == [("hooks/pre-batch is not a file", "a hook is a program or a script")]


def test_what_the_hooks_use_may_lie_beside_them(project: Project) -> None:
    for name in ("lib.sh", "README.md", ".gitkeep", "pre-deploy.sample", "pre-deploy~"):
        project.hook(name, "", mode=0o644)
    (project.root / "hooks" / "templates").mkdir()
    project.hooks().check()


def test_hooks_that_is_no_directory(project: Project) -> None:
    hooks = project.root / "hooks"
    hooks.write_text("")
    with pytest.raises(FleetError, match="hooks/ cannot be read"):
        project.hooks().check()
    hooks.unlink()
    hooks.symlink_to("hooks")
    with pytest.raises(FleetError, match="hooks/ cannot be read"):
        project.hooks().check()


SHOWN = [block for block in blocks(text(PAGE)) if block.name.startswith("hooks/")]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda block: block.name)
def test_the_examples_of_the_page_run(project: Project, shown: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = shown.name.removeprefix("hooks/")
    tools = project.root / "tools"
    tools.mkdir()
    for tool in ("ssh", "curl"):
        (tools / tool).write_text('#!/bin/sh\necho "$@" >> "$LOG"\n')
        (tools / tool).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(project.root / "log"))
    project.hook(name, shown.body)
    project.hooks().check()
    facts = FACTS.of_batch(rollout(1), 1, ["web-1"])
    if name == "pre-deploy":
        with pytest.raises(HookFailed, match="hook pre-deploy failed: exit status 1"):
            project.hooks().run(name, facts)
        return
    project.hooks().run(name, facts)
    assert "web-1" in (project.root / "log").read_text() + str(project.output())


def test_the_page_names_every_hook_and_variable() -> None:
    page = text(PAGE)
    assert set(re.findall(r"^\| `([a-z-]+)` \| ", page, re.MULTILINE)) >= set(NAMES)
    assert set(re.findall(r"`(FLEET_[A-Z_]+)`", page)) == set(FACTS.environment("pre-deploy"))
    assert {block.name for block in SHOWN} >= {"hooks/pre-deploy", "hooks/pre-batch"}
