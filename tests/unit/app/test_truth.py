"""History tells what is: each of these once said something that was not so."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.app.deploy import deploy
from fleet.app.rebuild import rebuild
from fleet.app.resume import converge, resume
from fleet.app.rollback import rollback
from fleet.app.status import status
from fleet.errors import Exit, FleetError, UsageError
from tests.unit.app.conftest import COMPOSE, Shop
from tests.unit.app.test_resume import history, outcomes

ROLE = "roles/web/compose.yml"
PAUSING = COMPOSE.replace("failure_action: rollback", "failure_action: pause")


def never(question: str) -> bool:
    raise AssertionError(f"asked: {question}")


def bring(shop: Shop, version: str, **options: Any) -> Exit:
    return deploy(shop.session(version, yes=True, **options), never)


def go_on(shop: Shop, **options: Any) -> Exit:
    return resume(shop.session("unknown", yes=True, **options), never)


def catch_up(shop: Shop, **options: Any) -> Exit:
    return converge(shop.session("unknown", yes=True, **options), never)


def back(shop: Shop, to: str = "", **options: Any) -> Exit:
    return rollback(shop.session("unknown", yes=True, **options), never, to)


def paused(shop: Shop, version: str, host: str) -> None:
    """The run of ``version`` stops on ``host``."""
    (shop.root / ROLE).write_text(PAUSING)
    shop.fleet.host(host).sick.add(version)
    assert bring(shop, version) is Exit.FAILED
    shop.fleet.host(host).sick.clear()


def test_a_repair_that_fails_leaves_a_good_release_good(shop: Shop) -> None:
    bring(shop, "v1")
    bring(shop, "v2")
    shop.fleet.host("web-2").engine.containers.clear()
    shop.fleet.host("web-2").sick.add("v2")
    assert catch_up(shop) is Exit.FAILED
    assert outcomes(shop) == ["good", "good"]
    assert shop.running()["web-1"] == ["v2"]
    assert status(shop.session("unknown")) is Exit.OK
    assert any("left behind: web-2" in line for line in shop.told.lines)
    shop.fleet.host("web-2").sick.clear()
    assert catch_up(shop) is Exit.OK
    assert outcomes(shop) == ["good", "good"]
    assert status(shop.session("unknown")) is Exit.OK
    assert not any("left behind" in line for line in shop.told.lines)


def test_a_resumed_run_that_fails_goes_back_on_all_hosts_of_the_release(shop: Shop) -> None:
    bring(shop, "v1")
    paused(shop, "v2", "web-2")
    shop.fleet.host("web-3").sick.add("v2")
    assert go_on(shop, on_failure="rollback") is Exit.ROLLED_BACK
    assert shop.running() == {f"web-{number}": ["v1"] for number in (1, 2, 3)}
    assert outcomes(shop) == ["good", "rolled-back"]


def test_a_host_that_a_rollback_skips_is_recorded_where_it_shall_be(shop: Shop) -> None:
    bring(shop, "v1")
    bring(shop, "v2")
    shop.fleet.unreachable = {"web-3"}
    assert back(shop, "v1", unreachable="skip") is Exit.OK
    shop.fleet.unreachable = set()
    assert catch_up(shop) is Exit.OK
    assert shop.running()["web-3"] == ["v1"]


def test_what_is_called_the_same_is_not_taken_for_it(shop: Shop) -> None:
    bring(shop, "v1")
    (shop.root / "hooks").mkdir()
    hook = shop.root / "hooks" / "pre-deploy"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (shop.root / ROLE).write_text(COMPOSE.replace("MODE:", "BAD:"))
    with pytest.raises(FleetError, match="hook pre-deploy failed"):
        bring(shop, "v1")
    hook.unlink()
    (shop.root / ROLE).write_text(COMPOSE)
    assert bring(shop, "v1") is Exit.OK
    assert outcomes(shop) == ["good", "failed"]
    assert catch_up(shop) is Exit.OK
    (one,) = shop.fleet.host("web-1").engine.containers.values()
    assert any(text.startswith("MODE=") for text in one.body["Env"])


def test_a_release_that_never_began_is_not_what_the_hosts_are_at(shop: Shop) -> None:
    bring(shop, "v1")
    bring(shop, "v2")
    (shop.root / "hooks").mkdir()
    hook = shop.root / "hooks" / "pre-deploy"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(FleetError, match="hook pre-deploy failed"):
        bring(shop, "v3")
    hook.unlink()
    assert status(shop.session("unknown")) is Exit.OK
    assert any(line.startswith("release 2 (v2)") for line in shop.told.lines)
    with pytest.raises(UsageError, match="nothing to go on with"):
        go_on(shop)
    assert back(shop) is Exit.OK
    assert shop.running()["web-1"] == ["v1"], "the release before what runs"


def test_the_copies_after_a_way_back_know_what_became_of_the_release(shop: Shop) -> None:
    bring(shop, "v1")
    shop.fleet.host("web-2").sick.add("v2")
    assert bring(shop, "v2") is Exit.ROLLED_BACK
    shop.fleet.unreachable = {"web-1"}
    assert rebuild(shop.session("unknown", yes=True, ledger="web-2"), never) is Exit.OK
    shop.fleet.unreachable = set()
    assert status(shop.session("unknown", ledger="web-2")) is Exit.OK
    assert any(line.startswith("release 1 (v1), by") for line in shop.told.lines)


def test_a_host_that_is_skipped_is_behind_also_when_nothing_is_left_to_do(shop: Shop) -> None:
    bring(shop, "v1")
    paused(shop, "v2", "web-3")
    shop.fleet.unreachable = {"web-3"}
    assert go_on(shop, unreachable="skip") is Exit.OK
    assert history(shop)[-1].last.behind == ("web-3",)  # type: ignore[union-attr]


def test_a_failure_is_gone_on_with_though_a_later_release_was_taken_back(shop: Shop) -> None:
    bring(shop, "v1")
    paused(shop, "v2", "web-2")
    (shop.root / ROLE).write_text(COMPOSE)
    shop.fleet.host("web-1").sick.add("v3")
    assert bring(shop, "v3") is Exit.ROLLED_BACK
    assert outcomes(shop) == ["good", "failed", "rolled-back"]
    assert go_on(shop) is Exit.OK
    assert shop.running() == {f"web-{number}": ["v2"] for number in (1, 2, 3)}


def test_a_host_that_is_caught_up_keeps_the_copy_of_what_it_runs(shop: Shop) -> None:
    bring(shop, "v1")
    shop.fleet.unreachable = {"web-3"}
    assert bring(shop, "v2", unreachable="skip") is Exit.OK
    shop.fleet.unreachable = set()
    assert catch_up(shop) is Exit.OK
    copies = (shop.root / "hosts" / "web-3" / "releases").rglob("copy/*.head")
    assert [path.name for path in copies] == ["000002.head"]
