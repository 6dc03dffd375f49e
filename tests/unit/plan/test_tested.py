"""Which gates ask the tests of a role: on each host the last one of the role."""

from __future__ import annotations

from dataclasses import replace

from fleet.plan.recorded import recorded
from fleet.plan.tested import with_tests
from fleet.plan.tree import Gate, Phase, Rollout, Stage, Turn
from tests.support.build import desired, facts_for, host_facts, service


def rollout(name: str, role: str, *batches: tuple[str, ...]) -> Rollout:
    one = service(name, role)
    turns = tuple(
        tuple(Turn(host, (Gate(host, one, "new", "/state"),)) for host in batch) for batch in batches
    )
    return Rollout(one.key, role, turns, one.update, 3)


def asked(stages: list[Stage]) -> list[str]:
    nodes = (node for stage in stages for turn in stage.turns for node in turn.steps)
    return [node.id for node in nodes if isinstance(node, Gate) and node.tests]


def test_each_host_asks_once_when_the_whole_role_has_changed_there() -> None:
    stages: list[Stage] = [
        Phase("pull images", ()),
        rollout("app", "web", ("web-1",), ("web-2",)),
        rollout("worker", "web", ("web-2",)),
        rollout("db", "database", ("web-1",)),
    ]
    assert asked(with_tests(stages, ("web",))) == ["web-1/gate:web.app", "web-2/gate:web.worker"]
    assert asked(with_tests(stages, ("web", "database")))[-1] == "web-1/gate:database.db"
    assert with_tests(stages, ()) == stages


def test_a_gate_with_tests_says_so() -> None:
    (stage,) = with_tests([rollout("app", "web", ("web-1",))], ("web",))
    (gate,) = stage.turns[0].steps
    assert isinstance(gate, Gate)
    assert gate.describe() == "wait until web.app is healthy and the tests of web pass"


def test_no_release_keeps_them() -> None:
    wish = replace(desired({"web-1": [service()]}), tested=("web",))
    assert recorded(wish, facts_for(wish, host_facts("web-1")), None).tested == ()
