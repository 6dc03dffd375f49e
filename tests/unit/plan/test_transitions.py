"""What is waited for before a start, before a stop and after it: where it stands in a turn."""

from __future__ import annotations

from dataclasses import replace

from fleet.model.desired import Desired
from fleet.model.found import Container, Facts
from fleet.model.gates import ExecCheck, TcpCheck
from fleet.model.services import Batches, Service, UpdatePolicy
from fleet.model.transitions import CommandCheck, FreeCheck, SleepCheck, Transition
from fleet.ops.containers import Replace
from fleet.plan.build import plan
from fleet.plan.tree import Plan, Step
from fleet.report.plan_text import plan_lines
from tests.support.build import container, desired, facts_for, host_facts, service
from tests.support.simulate import every_step

FINISH = Transition((ExecCheck(("shop", "finish")), SleepCheck(2)), 300)
GONE = Transition((FreeCheck(8001), CommandCheck(("test", "!", "-e", "/srv/lock"))), 5)
BEFORE, FINISHES, FREE = (
    "pre-start of web.app: tcp db-1:5432, within 60 s",
    "pre-stop of web.app: exec shop finish, then sleep 2 s, within 300 s",
    "stopped of web.app: free :8001, then command test ! -e /srv/lock, within 5 s",
)


def app(version: str, **fields: object) -> Service:
    made = service(version=version, pre_start=Transition((TcpCheck(5432, "db-1"),)))
    return replace(made, pre_stop=FINISH, stopped=GONE, **fields)  # type: ignore[arg-type]


def planned(wish: Desired, *found: Container, proven: bool = True) -> Plan:
    facts: Facts = facts_for(wish, host_facts("web-1", found))
    if not proven:
        facts = replace(facts, hosts={"web-1": replace(facts.hosts["web-1"], proven=())})
    return plan(wish, facts)


def told(made: Plan) -> list[str]:
    return [one.describe() for one in every_step(made) if not one.describe().startswith("pull")]


def test_around_a_replacement() -> None:
    made = planned(desired({"web-1": [app("v2")]}, "v2"), container(app("v1")))
    swap, healthy = "replace web.app (image v1 → v2)", "wait until web.app is healthy"
    assert told(made) == [BEFORE, FINISHES, swap, healthy]
    (op,) = (one.op for one in every_step(made) if isinstance(one, Step) and isinstance(one.op, Replace))
    assert op.stopped == GONE
    text = "\n".join(line.text for line in plan_lines(made))
    assert "  stopped: free :8001, then command test ! -e /srv/lock, within 5 s\n" in text


def test_what_the_old_one_was_deployed_with_counts() -> None:
    wish = desired({"web-1": [service(version="v2")]}, "v2")
    assert told(planned(wish, container(app("v1"))))[0] == FINISHES
    assert told(planned(desired({"web-1": [app("v2")]}, "v2"), container(service(version="v1"))))[:2] == [
        BEFORE, "replace web.app (image v1 → v2)",
    ]  # fmt: skip


def test_only_one_that_is_well_is_asked_to_finish() -> None:
    wish = desired({"web-1": [app("v2")]}, "v2")
    for changed in ({"state": "exited"}, {"health": "unhealthy"}):
        assert FINISHES not in told(planned(wish, container(app("v1"), **changed)))
    assert FINISHES not in told(planned(wish, container(app("v1")), proven=False))


def test_start_first_and_a_first_start() -> None:
    policy = UpdatePolicy(Batches((1,)), order="start-first")
    one, two = (
        replace(app(version, update=policy), container=replace(service(version=version).container, ports=()))
        for version in ("v1", "v2")
    )
    assert told(planned(desired({"web-1": [two]}, "v2"), container(one))) == [
        BEFORE, "start web.app beside the old one (image v1 → v2)", "wait until web.app is healthy",
        FINISHES, "remove web.app (the new one takes its place)", FREE,
    ]  # fmt: skip
    assert told(planned(desired({"web-1": [two]}, "v2")))[:2] == [BEFORE, "start web.app (app:v2)"]


def test_what_is_wanted_no_more() -> None:
    other = service("other", version="v1")
    wish = replace(desired({"web-1": [other]}, "v1"), remove_orphans=True)
    made = told(planned(wish, container(other), container(app("v1"))))
    assert made == [FINISHES, "remove web.app (no role of this host has it)", FREE]


def test_they_are_no_reason_to_replace_a_container() -> None:
    assert planned(desired({"web-1": [app("v1")]}, "v1"), container(service(version="v1"))).empty
