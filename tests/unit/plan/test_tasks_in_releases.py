"""Host tasks belong to the release: what is recorded, carried over and gone back to."""

from __future__ import annotations

from dataclasses import replace

from fleet.app.trust import Use, uses
from fleet.model.desired import Desired
from fleet.model.tasks import CommandTask, FileTask, Handler, PackageTask, Task
from fleet.plan.back import going_back
from fleet.plan.previous import previous
from fleet.plan.recorded import recorded
from fleet.secret import Hole, SealedText, SecretRef
from tests.support.build import desired, facts_for, service

REF = SecretRef("env", "PASSWORD")


def release(name: str, version: str = "v1") -> Desired:
    """Roles web and db on one host, each with a task that bears ``name``."""
    wish = desired({"web-1": [service(), service("pg", "db")]}, version)
    tasks = tuple(Task(role, name, PackageTask((f"{role}-{name}",))) for role in ("web", "db"))
    handlers = tuple(Handler(role, name, CommandTask((role,))) for role in ("web", "db"))
    return replace(wish, hosts=(replace(wish.hosts[0], tasks=tasks, handlers=handlers),))


def tasks(wish: Desired) -> list[tuple[str, str]]:
    (state,) = wish.hosts
    return [(one.role, one.name) for one in state.tasks]


def test_a_run_of_some_roles_leaves_the_tasks_of_the_others_in_the_record() -> None:
    now = release("new", "v2")
    only = replace(now.hosts[0], tasks=now.hosts[0].tasks[:1], handlers=now.hosts[0].handlers[:1])
    wish = replace(now, hosts=(only,), selected=("web",))
    made = recorded(wish, facts_for(wish), release("old"))
    assert sorted(tasks(made)) == [("db", "old"), ("web", "new")]
    assert sorted((one.role, one.name) for one in made.hosts[0].handlers) == [("db", "old"), ("web", "new")]


def test_a_failed_run_goes_back_to_the_tasks_of_its_roles() -> None:
    now = release("new", "v2")
    labelled = previous(now, facts_for(now), ["web-1"])
    assert tasks(labelled) == [], "what was before them no label tells"
    assert tasks(going_back(release("old"), labelled)) == [("web", "old"), ("db", "old")]
    assert tasks(going_back(release("old"), labelled, ["web"])) == [("web", "old")]


def test_a_secret_of_a_task_is_one_that_the_role_asks_for() -> None:
    wish = desired({"web-1": [service()]})
    body = FileTask("/etc/shop", content=SealedText((Hole(REF),)))
    wish = replace(wish, hosts=(replace(wish.hosts[0], tasks=(Task("web", "x", body),)),))
    assert list(uses(wish)) == [Use("web-1", "web", REF)]
