"""Once-per-release jobs through whole commands: with the ledger, the lease, and the way back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fleet.app.deploy import deploy
from fleet.app.resume import resume
from fleet.app.rollback import rollback
from fleet.errors import Exit
from fleet.report import events as ev
from tests.unit.app.conftest import COMPOSE, Shop
from tests.unit.app.test_rollback import ALL, ROLE, everywhere, never

JOBS = """\
x-fleet:
  jobs:
    migrate: {service: app, command: "migrate {{ version }}", down: "migrate back from {{ version }}"}
    index: {service: app, command: index, at: after}
"""


@pytest.fixture
def shop(shop: Shop) -> Shop:
    (shop.root / ROLE).write_text(COMPOSE + JOBS)
    return shop


def did(shop: Shop) -> list[str]:
    """What jobs did since the last question, on any host."""
    found = [line for name in ALL for line in shop.fleet.host(name).log if line.startswith("job ")]
    for name in ALL:
        shop.fleet.host(name).log.clear()
    return [line.removeprefix("job ") for line in found]


def containers(shop: Shop) -> int:
    return sum(len(shop.fleet.host(name).engine.containers) for name in ALL)


def bring(shop: Shop, version: str) -> Exit:
    return deploy(shop.session(version, yes=True), never)


def test_once_per_release(shop: Shop) -> None:
    assert bring(shop, "v1") is Exit.OK
    assert did(shop) == ["migrate v1", "index"]
    assert bring(shop, "v1") is Exit.OK
    assert did(shop) == []
    assert bring(shop, "v2") is Exit.OK
    assert did(shop) == ["migrate v2", "index"]
    assert containers(shop) == len(ALL)


def test_output_is_shown_and_kept_with_secrets_masked(shop: Shop) -> None:
    (shop.root / ROLE).write_text(COMPOSE + JOBS.replace("command: index,", "command: hunter2-in-clear,"))
    assert bring(shop, "v1") is Exit.OK
    assert any(
        isinstance(event, ev.Output) and event.line == "doing migrate v1" for event in shop.told.events
    )
    (kept,) = shop.root.glob(".fleet/runs/*/jobs/web.migrate.txt")
    assert kept.read_text() == "doing migrate v1\n"
    written = [
        path.read_text() for path in shop.root.rglob("*") if path.is_file() and path.name != "compose.yml"
    ]
    assert sum("doing ‹" in text for text in written) >= 2, "the run's directory and the ledger"
    assert not any("doing hunter2" in text for text in written)


def test_a_job_that_fails_is_tried_again(shop: Shop) -> None:
    assert bring(shop, "v1") is Exit.OK
    did(shop)
    for name in ALL:
        shop.fleet.host(name).failing["migrate v2"] = 3
    assert bring(shop, "v2") is Exit.ROLLED_BACK
    assert shop.running() == everywhere("v1")
    assert "job web.migrate failed: exit status 3" in shop.told.text
    assert did(shop) == ["migrate v2"]
    assert containers(shop) == len(ALL)
    for name in ALL:
        shop.fleet.host(name).failing.clear()
    assert bring(shop, "v2") is Exit.OK
    assert did(shop) == ["migrate v2", "index"]


def test_a_rollback_undoes_what_can_be_undone_and_says_what_stays(shop: Shop) -> None:
    for version in ("v1", "v2"):
        assert bring(shop, version) is Exit.OK
    did(shop)
    assert rollback(shop.session("unknown", yes=True), never, "v1") is Exit.OK
    assert did(shop) == ["migrate back from v2"]
    assert "job web.index ran in release 2 (v2) and has no `down`: what it did stays" in shop.told.text
    assert bring(shop, "v2") is Exit.OK
    assert "migrate v2" in did(shop)


@pytest.mark.parametrize(
    ("go_on", "action"), [(deploy, "rollback"), (deploy, "pause"), (resume, "pause")],
    ids=["deploy after going back", "deploy", "resume"],
)  # fmt: skip
def test_cut_off_in_a_job_the_next_run_waits_for_it(
    shop: Shop, go_on: Callable[..., Exit], action: str
) -> None:
    (shop.root / ROLE).write_text(COMPOSE.replace("action: rollback", f"action: {action}") + JOBS)
    host = shop.fleet.host("web-1")
    started: list[str] = []
    host.engine.on_start = lambda container: started.append(container.name)
    host.cut_in_job = True
    assert bring(shop, "v1") is not Exit.OK
    assert started == ["shop-test-web-app-job-migrate"]
    host.cut_in_job = False
    assert go_on(shop.session("v1", yes=True), never) is Exit.OK
    assert started == [
        "shop-test-web-app-job-migrate",
        "shop-test-web-app-1",
        "shop-test-web-app-job-index",
    ]
    assert "wait for job web.migrate, which an interrupted run began" in shop.told.text
    assert containers(shop) == len(ALL)
    assert bring(shop, "v1") is Exit.OK
    assert len(started) == 3


def test_a_rollback_of_a_part_of_the_hosts_undoes_nothing(shop: Shop) -> None:
    bring(shop, "v1")
    bring(shop, "v2")
    did(shop)
    assert rollback(shop.session("unknown", yes=True, limit="web-2"), never, "v1") is Exit.OK
    assert did(shop) == []
    assert "job web.migrate of release 2 (v2) is not undone" in shop.told.text
