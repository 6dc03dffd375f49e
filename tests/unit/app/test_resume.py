"""Going on: where a run stopped, on the hosts that failed, on those that were left behind."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.app.connections import Connections, Unreached
from fleet.app.custody import Custody
from fleet.app.deploy import deploy
from fleet.app.resume import converge, resume
from fleet.app.status import status
from fleet.errors import Exit, UsageError
from fleet.model.releases import Outcome, Release
from tests.unit.app.conftest import COMPOSE, Shop

ROLE = "roles/web/compose.yml"
PAUSING = COMPOSE.replace("failure_action: rollback", "failure_action: pause")


def never(question: str) -> bool:
    raise AssertionError(f"asked: {question}")


def bring(shop: Shop, version: str = "v1", **options: Any) -> Exit:
    return deploy(shop.session(version, **{"yes": True, **options}), never)


def go_on(shop: Shop, *, only_failed: bool = False, **options: Any) -> Exit:
    return resume(shop.session("unknown", **{"yes": True, **options}), never, only_failed=only_failed)


def catch_up(shop: Shop, **options: Any) -> Exit:
    return converge(shop.session("unknown", **{"yes": True, **options}), never)


def history(shop: Shop) -> tuple[Release, ...]:
    session = shop.session()
    with Connections(session) as connections:
        connections.open([session.ledger])
        with Custody(session, connections, "", change=False) as custody:
            custody.open()
            return custody.history.releases


def outcomes(shop: Shop) -> list[str]:
    return [one.outcome.value for one in history(shop)]


@pytest.fixture
def stopped(shop: Shop) -> Shop:
    """v2 is on web-1; it got sick on web-2, where the run stopped."""
    (shop.root / ROLE).write_text(PAUSING)
    bring(shop)
    shop.fleet.host("web-2").sick.add("v2")
    assert bring(shop, "v2") is Exit.FAILED
    assert shop.running()["web-3"] == ["v1"]
    return shop


def test_a_run_that_stopped_goes_on_as_it_was_recorded(stopped: Shop) -> None:
    assert outcomes(stopped) == ["good", "failed"]
    stopped.fleet.host("web-2").sick.clear()
    (stopped.root / ROLE).write_text(PAUSING.replace("MODE:", "LEVEL:"))
    assert go_on(stopped) is Exit.OK
    assert stopped.running() == {f"web-{number}": ["v2"] for number in (1, 2, 3)}
    assert outcomes(stopped) == ["good", "good"]
    release = history(stopped)[-1]
    assert [one.outcome for one in release.entries] == [
        Outcome.RUNNING, Outcome.FAILED, Outcome.RUNNING, Outcome.GOOD,
    ]  # fmt: skip
    assert release.entries[1].failed == ("web-2",)
    (one,) = stopped.fleet.host("web-3").engine.containers.values()
    assert any(text.startswith("MODE=") for text in one.body["Env"]), "not today's checkout"


def test_only_the_hosts_that_failed(stopped: Shop) -> None:
    stopped.fleet.host("web-2").sick.clear()
    stopped.fleet.log.clear()
    assert go_on(stopped, only_failed=True) is Exit.OK
    assert stopped.running() == {"web-1": ["v2"], "web-2": ["v2"], "web-3": ["v1"]}
    assert outcomes(stopped) == ["good", "failed"], "web-3 has not got it yet"
    assert go_on(stopped) is Exit.OK
    assert outcomes(stopped) == ["good", "good"]


def test_there_may_be_nothing_to_go_on_with(shop: Shop) -> None:
    with pytest.raises(UsageError, match="nothing was released to test yet"):
        go_on(shop)
    bring(shop)
    with pytest.raises(UsageError, match=r"nothing to go on with: release 1 \(v1\) is good"):
        go_on(shop)


def test_a_new_deploy_after_a_failure_is_a_release_of_its_own(stopped: Shop) -> None:
    assert bring(stopped, "v3") is Exit.OK
    assert outcomes(stopped) == ["good", "failed", "good"]


def test_hosts_that_do_not_answer_may_be_left_behind_and_caught_up(shop: Shop) -> None:
    (shop.root / ROLE).write_text(PAUSING + "      \n".strip() + "")
    bring(shop)
    shop.fleet.unreachable = {"web-3"}
    assert bring(shop, "v2", unreachable="skip") is Exit.OK
    assert "web-3: it does not answer and is left behind" in shop.told.text
    assert shop.running() == {"web-1": ["v2"], "web-2": ["v2"], "web-3": ["v1"]}
    assert history(shop)[-1].last.behind == ("web-3",)  # type: ignore[union-attr]
    shop.fleet.unreachable = set()
    assert status(shop.session("unknown")) is Exit.OK
    assert "left behind: web-3; inv converge --env test brings them up" in shop.told.lines
    assert [row[-1] for row in shop.told.rows if row[1] == "web-3"] == ["behind since release 2"]
    assert catch_up(shop) is Exit.OK
    assert shop.running()["web-3"] == ["v2"]
    assert status(shop.session("unknown")) is Exit.OK
    assert not any("behind" in line for line in shop.told.lines)
    assert [one.number for one in history(shop)] == [1, 2]


def test_too_many_silent_hosts_end_it(shop: Shop) -> None:
    bring(shop)
    shop.fleet.unreachable = {"web-2", "web-3"}
    with pytest.raises(Unreached, match="2 hosts cannot be used; nothing was changed; 1 may be skipped"):
        bring(shop, "v2", unreachable="skip")
    assert bring(shop, "v2", unreachable="skip:2") is Exit.OK
    assert history(shop)[-1].last.behind == ("web-2", "web-3")  # type: ignore[union-attr]


def test_converging_has_nothing_to_do_on_a_fleet_that_is_as_released(shop: Shop) -> None:
    bring(shop)
    before = [len(one.entries) for one in history(shop)]
    assert catch_up(shop) is Exit.OK
    assert [len(one.entries) for one in history(shop)] == before, "nothing happened to the release"


def test_converging_undoes_drift(shop: Shop) -> None:
    bring(shop)
    engine = shop.fleet.host("web-2").engine
    engine.containers.clear()
    assert catch_up(shop) is Exit.OK
    assert shop.running()["web-2"] == ["v1"]


def test_an_unfinished_release_is_not_converged_to(stopped: Shop) -> None:
    with pytest.raises(UsageError, match=r"release 2 \(v2\) is unfinished") as caught:
        catch_up(stopped)
    assert "--resume" in caught.value.hint
