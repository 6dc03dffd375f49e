"""What a rehearsal with a fault comes to: who kept what was promised, and how it reads."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace

import pytest

from fleet.rehearsal.faults import FAULTS
from fleet.rehearsal.faults.fault import Event, Moment, Scene
from fleet.rehearsal.faults.heard import heard, last_word
from fleet.rehearsal.faults.story import Ended, Entry, Seen, Span, State, Story
from fleet.rehearsal.faults.text import entry_line, record, report_lines
from fleet.rehearsal.faults.verdict import broken
from fleet.rehearsal.traffic.orders import Orders
from fleet.rehearsal.traffic.tally import Failure

DIES = FAULTS["host-dies"]
GOOD = Story(
    fault="host-dies",
    version="v42",
    entries=(Entry(13.7, "fault", "the power of web-3 is cut"),),
    injected=Span(12.9, 13.7),
    healed=Span(60.1, 65.0),
    first=Ended("deploy --version v42", 3, 48.2, "v42 failed and was rolled back: web.app failed on web-3"),
    second=Ended("deploy --version v42", 0, 60.0, "rehearsal is at v42: 9 steps"),
    requests=1612,
    lost=(Failure("status 502", "new connection", 2, 13.2, 13.1), Failure("timeout", "order", 1, 24.0, 14.0)),
    state=State(
        (
            Seen("lb-1", (("loadbalancer.haproxy", "2.6"),)),
            Seen("web-3", (("web.app", "v42"),), behind=2),
            Seen("db-1", (("database.postgres", "15"), ("queue.redis", "7.0"))),
        ),
        balancers=2,
        orders=Orders(152, 0, 0, 1),
    ),
    load=1.5,
)


def scene(*webs: str) -> Scene:
    def nobody(name: str) -> None:
        raise AssertionError(name)

    return Scene(nobody, webs, (), "lb-1", "registry-1", "10.0.0.1", "shop:v42")  # type: ignore[arg-type]


def test_what_was_on_its_way_to_the_dead_host_may_be_lost() -> None:
    assert broken(DIES, GOOD) == ()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (16.7, ""),
        (16.8, "1 request was lost that had nothing to do with what broke, asked at 16.8 s"),
        (2.8, "1 request was lost that had nothing to do with what broke, asked at 2.8 s"),
    ],
)
def test_what_is_asked_when_it_is_known_is_not_lost(asked: float, words: str) -> None:
    story = replace(GOOD, lost=(Failure("timeout", "order", 1, asked + 10, asked),))
    assert broken(DIES, story) == ((words,) if words else ())


def test_of_a_fault_that_harms_nobody_no_request_is_lost() -> None:
    fault = FAULTS["network-cut"]
    assert broken(fault, replace(GOOD, lost=())) == ()
    (words,) = broken(fault, GOOD)
    assert words == "2 requests were lost that had nothing to do with what broke, asked at 13.1, 14.0 s"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"injected": None, "lost": ()},
            "the fault was never there: the deploy ended before its moment, while",
        ),
        ({"first": replace(GOOD.first, code=75)}, "ended with exit code 75, not 1 or 3 or 69"),
        ({"second": replace(GOOD.second, code=1)}, "exit code 1: the fleet did not converge"),
        ({"requests": 0, "lost": ()}, "nothing is known of lost requests"),
    ],
)
def test_a_promise_that_is_not_kept_is_told(changed: dict[str, object], words: str) -> None:
    (told,) = broken(DIES, replace(GOOD, **changed))  # type: ignore[arg-type]
    assert words in told


def test_the_state_in_the_end_counts() -> None:
    hosts = (
        Seen("web-1", (("web.app", "v41"),), behind=1),
        Seen("web-2", (), behind=2),
        Seen("db-1", (), lost=("shop_data",)),
    )
    state = State(hosts, 2, Orders(10, 3, 1, 0))
    assert broken(DIES, replace(GOOD, state=state)) == (
        "web-1 does not run web.app at v42",
        "web-1 gets requests from 1 of 2 balancers",
        "web-2 does not run web.app at v42",
        "the volume shop_data of db-1 is not the one that was there before",
        "3 orders that were acknowledged are not in the database",
        "1 orders were acknowledged to two customers",
    )


REPORT = """\
host-dies: a host dies while another one is replaced
  promised   lost are at most the requests that were on their way to that host;
             the deploy ends and says so
  fault      in force at 13.7 s, healed at 65.0 s
  deploy     exit 3 after 48.2 s: v42 failed and was rolled back: web.app failed
             on web-3
  the next   exit 0 after 60.0 s: rehearsal is at v42: 9 steps
  requests   1612 asked, 2 lost
             1 × status 502 (new connection), asked at 13.1 s
             1 × timeout (order), asked at 14.0 s
  orders     152 acknowledged, 0 missing, 0 twice; 1 unanswered
  hosts      lb-1      loadbalancer.haproxy 2.6
             web-3     web.app v42; in 2 of 2 balancers
             db-1      database.postgres 15, queue.redis 7.0
  verdict    kept: Fleet did what it promised
  in earnest repair the host, or leave it behind with --unreachable skip; then
             the same deploy again"""


def test_the_report_reads_well_at_80_columns() -> None:
    assert "\n".join(report_lines(DIES, GOOD, ())) == REPORT


def test_a_report_of_something_broken_says_so_first_and_what_to_do() -> None:
    story = replace(GOOD, healed=None, state=replace(GOOD.state, hosts=(Seen("web-1", (), 0, ("data",)),)))
    lines = "\n".join(report_lines(DIES, story, ("this is wrong", "and this")))
    assert "in force at 13.7 s, not healed" in lines
    assert "web-1     nothing; in 0 of 2 balancers; LOST: data" in lines
    assert "  verdict    NOT KEPT: this is wrong\n             and this\n  next       read what" in lines
    assert "never came" in "\n".join(report_lines(DIES, replace(GOOD, injected=None), ()))


@pytest.mark.parametrize(
    ("code", "words"), [(0, "exit 0 after 9.0 s: nothing to do"), (137, "without a word")]
)
def test_a_deploy_that_says_nothing(code: int, words: str) -> None:
    story = replace(GOOD, second=Ended("deploy", code, 9.0, ""))
    assert words in "\n".join(report_lines(DIES, story, ()))


def test_a_machine_that_is_too_busy_is_told() -> None:
    words = "  machine    12.5 processes for each core: what was late or lost may be so for\n"
    assert words in "\n".join(report_lines(DIES, replace(GOOD, load=12.5), ()))


def test_a_line_of_the_story_goes_on_under_itself() -> None:
    entry = Entry(33.0, "fleet", "web-3 ✗ replace web.app (image v41 → v42): the connection was lost")
    assert entry_line(entry) == (
        "  33.0 s  fleet    web-3 ✗ replace web.app (image v41 → v42): the connection was\n"
        "                   lost"
    )


def test_machines_get_the_same() -> None:
    told = record(DIES, GOOD, ("this is wrong",))
    assert (told["event"], told["kept"], told["broken"]) == ("Rehearsed", False, ("this is wrong",))
    assert told["first"] == dataclasses.asdict(GOOD.first)
    assert told["lost"][0]["asked"] == 13.1
    assert json.loads(json.dumps(told))["state"]["orders"]["acknowledged"] == 152


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            {"event": "RunStarted", "command": "deploy", "version": "v42", "release": 7},
            "deploy to v42 begins, release 7",
        ),
        (
            {"event": "BatchStarted", "service": "web.app", "number": 1, "of": 3, "hosts": ["web-1"]},
            "web.app: batch 1 of 3, web-1",
        ),
        (
            {"event": "StepFailed", "host": "web-1", "text": "replace web.app", "what": "lost"},
            "web-1 ✗ replace web.app: lost",
        ),
        ({"event": "Note", "level": "warning", "text": "wait\nlong"}, "wait"),
        ({"event": "Note", "level": "info", "text": "by the way"}, ""),
        ({"event": "StepFinished", "host": "web-1", "text": "replace web.app"}, ""),
        ({"event": "Error", "text": "no host answers\n  why"}, "error: no host answers"),
        ({"event": "RunFinished", "outcome": "is at v42"}, "is at v42"),
    ],
)
def test_what_is_told_of_a_deploy(event: Event, words: str) -> None:
    assert heard(event) == words
    assert last_word(event) == (words if event["event"] in {"RunFinished", "Error"} else "")


def test_the_moment_is_the_turn_of_the_first_web_host() -> None:
    webs = scene("web-1", "web-2", "web-3")
    turn = {"event": "StepStarted", "step": "web-1/container:web.app", "host": "web-1"}
    assert DIES.due(webs, turn)
    assert not DIES.due(webs, turn | {"event": "StepFinished"})
    assert not DIES.due(webs, turn | {"step": "web-2/container:web.app"})
    assert not FAULTS["registry-429"].due(webs, turn)


def test_slow_health_is_over_when_the_gate_has_failed() -> None:
    webs, over = scene("web-1", "web-2", "web-3"), FAULTS["slow-health"].over
    assert over(webs, {"event": "StepFailed", "host": "web-1"})
    assert not over(webs, {"event": "StepFailed", "host": "web-2"})
    assert not over(webs, {"event": "StepFinished", "host": "web-1"})


def test_every_fault_says_what_is_promised_and_what_to_do() -> None:
    assert len(FAULTS) == 7
    for fault in FAULTS.values():
        assert fault.title
        assert fault.promise.text
        assert fault.promise.exits
        assert fault.advice
        assert fault.moment in Moment
