"""Once-per-release jobs on real engines: once over all batches, once over a kill, undone by a rollback."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from fleet.rehearsal import Host
from tests.support.look import answer, containers
from tests.support.operators import Operator
from tests.support.project import service
from tests.support.waiting import until

Web = Callable[[int], Host]
ALL = (1, 2, 3)
DIARY = "/srv/jobs/diary"


def role(fleet: Operator, up: str, **job: object) -> None:
    """The service, and a job ``migrate`` that writes into a diary on its host."""
    migrate = {
        "service": "app",
        "entrypoint": ["/bin/sh", "-c"],
        "command": [f'echo "up $$VERSION" >>/log/diary; {up}'],
        "down": ['echo "down $$VERSION" >>/log/diary'],
        **job,
    }
    fleet.project.compose(
        "web",
        {"app": service(update={"parallelism": 1, "failure_action": "pause"}, volumes=["/srv/jobs:/log"])},
        x_fleet={"jobs": {"migrate": migrate}},
    )


def diary(web: Web) -> list[str]:
    """What all hosts' jobs have written."""
    lines = [web(number).run(f"cat {DIARY} 2>/dev/null || :").splitlines() for number in ALL]
    return [line for found in lines for line in found]


def test_once_for_all_batches_and_undone_in_the_image_that_did_it(fleet: Operator, web: Web) -> None:
    role(fleet, "echo all tables made")
    fleet.deploy("v1").ended(0).says("job web.migrate", "all tables made")
    assert diary(web) == ["up v1"]
    fleet.deploy("v1").ended(0).says("Nothing to do")
    fleet.deploy("v2").ended(0)
    assert diary(web) == ["up v1", "up v2"]
    fleet.say("releases", "--show", "v2").ended(0).says("job web.migrate ran on web-1")
    done = fleet.say("rollback", "--to", "v1", "--yes").ended(0)
    done.says("undo job web.migrate")
    assert diary(web) == ["up v1", "up v2", "down v2"]
    assert [answer(web(number)) for number in ALL] == ["ok v1"] * 3
    fleet.deploy("v2").ended(0)
    assert diary(web)[-1] == "up v2"
    assert not any("-job-" in name for number in ALL for name in containers(web(number)))


def test_a_controller_that_is_killed_meanwhile_costs_no_second_run(fleet: Operator, web: Web) -> None:
    role(fleet, "sleep 3; echo done >>/log/diary")
    run = fleet.begin("v1")
    until(lambda: diary(web) == ["up v1"], "the job runs")
    run.kill()
    run.end()
    fleet.resume().ended(0).says("wait for job web.migrate, which an interrupted run began")
    assert diary(web) == ["up v1", "done"]
    assert [answer(web(number)) for number in ALL] == ["ok v1"] * 3


def test_one_that_has_ended_unseen_is_not_run_again(fleet: Operator, web: Web) -> None:
    role(fleet, "sleep 1; echo done >>/log/diary")
    run = fleet.begin("v1")
    until(lambda: diary(web) == ["up v1"], "the job runs")
    run.kill()
    run.end()
    until(lambda: diary(web) == ["up v1", "done"], "the job ends")
    fleet.resume().ended(0)
    assert diary(web) == ["up v1", "done"]
    told = json.loads(fleet.say("releases", "--show", "v1", "--json").ended(0).out)
    assert [entry["job"]["key"] for entry in told["entries"] if "job" in entry] == ["web.migrate"]


@pytest.mark.parametrize(
    ("up", "more", "words"),
    [
        ("echo no such column >&2; exit 3", {}, "exit status 3"),
        ("sleep 30", {"timeout": "1s"}, "no end after 1 s"),
    ],
)
def test_one_that_fails_stops_the_run_before_anything_is_replaced(
    fleet: Operator, web: Web, up: str, more: dict[str, object], words: str
) -> None:
    fleet.inventory({"web": ["web-1", "web-2"]})
    role(fleet, "true")
    fleet.deploy("v1").ended(0)
    role(fleet, up, **more)
    done = fleet.deploy("v2").ended(1).says("job web.migrate failed", words)
    assert ("no such column" in done.text) == ("column" in up)
    assert [answer(web(number)) for number in (1, 2)] == ["ok v1"] * 2
    assert not any("-job-" in name for number in ALL for name in containers(web(number)))
    role(fleet, "true")
    fleet.deploy("v2").ended(0)
    assert diary(web) == ["up v1", "up v2", "up v2"]
    assert [answer(web(number)) for number in (1, 2)] == ["ok v2"] * 2
