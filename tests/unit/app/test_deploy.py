"""Deploy from files to containers, on a fleet in memory: what is shown, asked, done and told."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleet.app.deploy import deploy, load_plan, plan
from fleet.errors import Drift, Exit, FleetError, Unreachable, UsageError
from fleet.report import events as ev
from fleet.transport.fake_engine import FakeContainer
from tests.unit.app.conftest import Shop

ALL = {"web-1", "web-2", "web-3"}


def never(question: str) -> bool:
    raise AssertionError(f"asked: {question}")


def bring(shop: Shop, version: str = "v1", confirm: Callable[[str], bool] = never, **options: Any) -> Exit:
    return deploy(shop.session(version, **{"yes": True, **options}), confirm)


def everywhere(version: str) -> dict[str, list[str]]:
    return {name: [version] for name in sorted(ALL)}


def test_a_first_deploy_and_a_second_that_has_nothing_to_do(shop: Shop) -> None:
    assert bring(shop) is Exit.OK
    assert shop.running() == everywhere("v1")
    assert shop.told.finished.outcome == "test is at v1: 12 steps"
    assert shop.told.finished.state == ("web.app  v1        web-[1-3]",)
    assert set(shop.fleet.log) == ALL
    assert bring(shop) is Exit.OK
    assert shop.fleet.log == {}
    assert any("Nothing to do" in line for line in shop.told.lines)
    assert not any(isinstance(event, ev.RunStarted) for event in shop.told.events)


def test_a_new_version_goes_out_host_by_host(shop: Shop) -> None:
    bring(shop)
    shop.fleet.log.clear()
    assert bring(shop, "v2") is Exit.OK
    assert shop.running() == everywhere("v2")
    finished = [event.host for event in shop.told.events
                if isinstance(event, ev.StepFinished) and "healthy" in event.text]  # fmt: skip
    assert finished == ["web-1", "web-2", "web-3"]


def test_check_shows_and_changes_nothing(shop: Shop) -> None:
    assert bring(shop, check=True, yes=False) is Exit.CHANGES
    assert any("+ start web.app (app:v1)" in line for line in shop.told.lines)
    assert all(set(log) <= {"ResolveDigest"} for log in shop.fleet.log.values())
    assert not (shop.root / ".fleet").exists()
    bring(shop)
    assert bring(shop, check=True) is Exit.OK


def test_an_operator_who_does_not_agree_changes_nothing(shop: Shop) -> None:
    asked: list[str] = []

    def no(question: str) -> bool:
        asked.append(question)
        return False

    assert bring(shop, confirm=no, yes=False) is Exit.FAILED
    assert asked == ["Do this to test?"]
    assert all(set(log) <= {"ResolveDigest"} for log in shop.fleet.log.values())
    assert shop.told.events[-1] == ev.Note("nothing was changed")
    assert bring(shop, confirm=lambda question: True, yes=False) is Exit.OK
    assert shop.running() == everywhere("v1")


def test_a_plan_with_errors_is_refused(shop: Shop) -> None:
    shop.fleet.host("web-2").sections["engine"] = "Cannot connect to the Docker daemon"
    with pytest.raises(FleetError) as caught:
        bring(shop)
    assert "the plan cannot run; nothing was changed" in caught.value.what
    assert "the Docker Engine does not run" in str(caught.value)
    assert any("web-2: the Docker Engine does not run" in line for line in shop.told.lines)
    assert shop.running() == {name: [] for name in sorted(ALL)}


def test_hosts_that_cannot_be_reached_end_it_before_anything_is_changed(shop: Shop) -> None:
    shop.fleet.unreachable = {"web-2", "web-3"}
    with pytest.raises(Unreachable) as caught:
        bring(shop)
    assert caught.value.code is Exit.UNREACHABLE
    assert "2 hosts cannot be used; nothing was changed" in caught.value.what
    assert "'all:!web-2:!web-3'" in caught.value.hint
    assert shop.fleet.log == {}
    assert bring(shop, limit="all:!web-2:!web-3") is Exit.OK
    assert shop.running()["web-1"] == ["v1"]


def test_without_the_host_of_the_ledger_nothing_is_changed(shop: Shop) -> None:
    shop.fleet.unreachable = {"web-1"}
    for options in ({}, {"limit": "web-2"}, {"unreachable": "skip"}):
        with pytest.raises(Unreachable) as caught:
            bring(shop, **options)
        assert caught.value.what == "web-1 keeps the ledger of test and cannot be used; nothing was changed"
        assert "--rebuild --ledger HOST" in caught.value.hint
    assert shop.fleet.log == {}


def test_a_version_that_never_gets_healthy_goes_back(shop: Shop) -> None:
    bring(shop)
    shop.fleet.host("web-2").sick.add("v2")
    assert bring(shop, "v2") is Exit.ROLLED_BACK
    assert shop.running() == everywhere("v1")
    finished = shop.told.finished
    assert finished.outcome.startswith("v2 failed and was rolled back: web.app failed on web-2")
    assert finished.hint.startswith("see .fleet/runs/")
    bundle = finished.hint.split()[1].rstrip(";")
    assert "it is sick" in Path(bundle).read_text()
    assert "web-3" not in {event.host for event in shop.told.events if isinstance(event, ev.StepStarted)
                           and "replace" in event.text}  # fmt: skip
    assert bring(shop, "v1") is Exit.OK
    assert any("Nothing to do" in line for line in shop.told.lines)


def test_a_first_version_that_never_gets_healthy_is_taken_away_again(shop: Shop) -> None:
    for name in ALL:
        shop.fleet.host(name).sick.add("v1")
    assert bring(shop) is Exit.ROLLED_BACK
    assert shop.running() == {name: [] for name in sorted(ALL)}


def test_the_way_back_may_fail_too_and_says_so(shop: Shop) -> None:
    bring(shop)
    host = shop.fleet.host("web-1")
    host.sick |= {"v1", "v2"}
    assert bring(shop, "v2") is Exit.FAILED
    assert "and so did the way back: web.app failed on web-1" in shop.told.finished.outcome
    assert len(list((shop.root / ".fleet").glob("runs/*/failures/*"))) == 2


def test_without_rollback_it_stops_where_it_failed(shop: Shop) -> None:
    compose = shop.root / "roles" / "web" / "compose.yml"
    compose.write_text(compose.read_text().replace("rollback", "pause"))
    bring(shop)
    shop.fleet.host("web-2").sick.add("v2")
    assert bring(shop, "v2") is Exit.FAILED
    assert shop.running() == {"web-1": ["v2"], "web-2": ["v2"], "web-3": ["v1"]}
    assert shop.told.finished.state == ("web.app  v1        web-3", "web.app  v2        web-1 web-2")


def test_a_host_that_changes_under_the_plan_stops_as_drift(shop: Shop) -> None:
    bring(shop)
    engine = shop.fleet.host("web-1").engine

    def meddle(question: str) -> bool:
        (one,) = engine.containers.values()
        del engine.containers[one.id]
        engine.containers["other"] = FakeContainer("other", one.name, one.body, one.networks, "running")
        return True

    assert bring(shop, "v2", meddle, yes=False) is Exit.DRIFT
    assert shop.running() == everywhere("v1")
    assert engine.container("other")


def test_a_host_that_is_lost_after_the_last_step_is_not_said_to_be_done(shop: Shop) -> None:
    bring(shop)
    host = shop.fleet.host("web-3")

    def dies(container: FakeContainer) -> None:
        host.sections["engine"] = "Cannot connect to the Docker daemon"
        host.sections["containers"] = "Cannot connect to the Docker daemon"

    host.engine.on_start = dies
    assert bring(shop, "v2") is Exit.FAILED
    finished = shop.told.finished
    assert "the hosts are not as wanted after the run" in finished.outcome
    assert any(line.startswith("not known to be done: web-3") for line in finished.state)
    assert any(line.startswith("not known, containers") for line in finished.state)


def test_a_secret_is_nowhere_but_in_the_engine(shop: Shop) -> None:
    shop.fleet.host("web-2").sick.add("v1")
    bring(shop, diff=True, show_commands=True)
    bring(shop, "v2", show_commands=True)
    assert "hunter2-in-clear" in str(shop.fleet.host("web-1").engine.containers)
    assert "hunter2-in-clear" not in shop.told.text
    for path in (shop.root / ".fleet").rglob("*"):
        assert path.is_dir() or "hunter2-in-clear" not in path.read_text()


def test_the_journal_holds_the_plan_and_every_event(shop: Shop) -> None:
    bring(shop)
    (run,) = (shop.root / ".fleet" / "runs").iterdir()
    assert "start web.app" in (run / "plan.txt").read_text()
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    assert (events[0]["event"], events[-1]["event"]) == ("RunStarted", "RunFinished")
    assert events[0]["run"] == run.name


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError("disk full"), SystemExit(1)])
def test_a_reader_that_goes_away_does_not_stop_the_run(shop: Shop, error: BaseException) -> None:
    """``inv deploy | head``: the hosts must not be left in the middle because a pager was left."""
    session = shop.session(yes=True)
    told: list[object] = []

    def leaving(event: object) -> None:
        told.append(event)
        if type(event).__name__ == "StepStarted":
            raise error

    session.sinks.insert(0, leaving)
    assert deploy(session, never) is Exit.OK
    assert [type(event).__name__ for event in told].count("StepStarted") == 1
    assert plan(shop.session(), None) is Exit.OK


def test_a_saved_plan_is_carried_out_as_shown(shop: Shop) -> None:
    out = shop.root / "plan.json"
    assert plan(shop.session(), out) is Exit.CHANGES
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "hunter2" not in out.read_text()
    tag = "registry.example:5000/app:v1"
    shop.fleet.registry.digests[f"{tag}-before"] = shop.fleet.registry.digests[tag]
    shop.fleet.registry.push(tag, "moved tag")
    assert deploy(shop.session(yes=True), never, load_plan(out)) is Exit.OK
    image = next(iter(shop.fleet.host("web-1").engine.containers.values())).body["Image"]
    assert image.endswith(load_plan(out).digests[tag])
    assert plan(shop.session(), None) is Exit.OK


def test_a_saved_plan_is_refused_when_the_fleet_is_another(shop: Shop) -> None:
    out = shop.root / "plan.json"
    plan(shop.session(), out)
    bring(shop, "v2", limit="web-2")
    shop.fleet.log.clear()
    with pytest.raises(Drift) as caught:
        deploy(shop.session(yes=True), never, load_plan(out))
    assert caught.value.why.startswith("web-2: + container shop-test-web-app-1")
    assert "web-1" not in caught.value.why
    assert shop.running()["web-1"] == []


def test_a_saved_plan_tells_where_the_plan_of_now_differs(shop: Shop) -> None:
    """The same containers and files; but a host that is not healthy any more would come first."""
    out = shop.root / "plan.json"
    plan(shop.session(), out)
    saved = load_plan(out)
    other = replace(saved, fingerprint="other", lines=(*saved.lines[:-1], "what was shown then"))
    with pytest.raises(Drift) as caught:
        deploy(shop.session(yes=True), never, other)
    assert "-what was shown then" in caught.value.why


def test_a_saved_plan_of_another_making_is_refused(shop: Shop) -> None:
    out = shop.root / "plan.json"
    plan(shop.session(), out)
    with pytest.raises(Drift) as caught:
        deploy(shop.session(yes=True), never, replace(load_plan(out), fingerprint="other"))
    assert "another version of Fleet" in caught.value.why


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"format": 0}', '{"format": 1}', "\x00"])
def test_what_is_no_saved_plan_is_a_usage_error(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError) as caught:
        load_plan(path)
    assert str(path) in caught.value.what


def test_plan_is_told_to_machines_as_an_event(shop: Shop) -> None:
    plan(shop.session(json=True), None)
    (event,) = (event for event in shop.told.events if isinstance(event, ev.Planned))
    assert any("start web.app" in line for line in event.lines)


def test_a_role_alone_leaves_the_others(shop: Shop) -> None:
    (shop.root / "roles" / "log").mkdir()
    (shop.root / "roles" / "log" / "compose.yml").write_text(
        (shop.root / "roles" / "web" / "compose.yml").read_text()
    )
    hosts = shop.root / "inventories" / "test" / "hosts.yml"
    hosts.write_text(hosts.read_text() + "    log: {hosts: {web-1: }}\n")
    assert bring(shop, roles=("log",)) is Exit.OK
    assert list(shop.fleet.host("web-1").running()) == ["shop-test-log-app-1"]
    assert shop.running()["web-2"] == []
