"""Rollback brings back what was recorded, whatever the checkout, the tags and the inventory say by now."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.app.deploy import deploy
from fleet.app.resume import converge
from fleet.app.rollback import rollback
from fleet.errors import ConfigError, Exit, FleetError, UsageError
from fleet.report import events as ev
from tests.unit.app.conftest import COMPOSE, HOSTS, Shop
from tests.unit.app.test_resume import history
from tests.unit.app.test_tag import committed, git

ALL = ("web-1", "web-2", "web-3")
ROLE = "roles/web/compose.yml"
INVENTORY = "inventories/test/hosts.yml"


def never(question: str) -> bool:
    raise AssertionError(f"asked: {question}")


def bring(shop: Shop, *versions: str, **options: Any) -> None:
    for version in versions:
        assert deploy(shop.session(version, yes=True, **options), never) is Exit.OK


def back(shop: Shop, to: str = "", **options: Any) -> Exit:
    return rollback(shop.session("unknown", **{"yes": True, **options}), never, to)


def everywhere(version: str) -> dict[str, list[str]]:
    return {name: [version] for name in ALL}


def test_to_a_version_and_step_by_step(shop: Shop) -> None:
    bring(shop, "v1", "v2", "v3")
    assert back(shop, "v1") is Exit.OK
    assert shop.running() == everywhere("v1")
    assert shop.told.finished.outcome == "test is at v1: 6 steps"
    assert back(shop, "v3") is Exit.OK
    assert back(shop) is Exit.OK
    assert shop.running() == everywhere("v2"), "v3 was release 3: before it there was v2"
    assert back(shop) is Exit.OK
    assert shop.running() == everywhere("v1"), "two steps back, not to and fro"
    with pytest.raises(UsageError, match="there is no good release before 1"):
        back(shop)


def test_a_number_means_a_release(shop: Shop) -> None:
    bring(shop, "v1", "v2")
    assert back(shop, "1") is Exit.OK
    assert shop.running() == everywhere("v1")


def test_an_unknown_one_tells_what_there_is(shop: Shop) -> None:
    bring(shop, "v1", "v2")
    with pytest.raises(UsageError, match="'v4'") as caught:
        back(shop, "v4")
    assert "1 v1 good" in caught.value.why
    assert shop.running() == everywhere("v2")


def test_nothing_was_released_yet(shop: Shop) -> None:
    with pytest.raises(UsageError, match="nothing was released yet"):
        back(shop)


def test_it_needs_neither_the_tag_nor_a_pull(shop: Shop) -> None:
    bring(shop, "v1", "v2")
    shop.fleet.registry.push("registry.example:5000/app:v1", "something else by now")
    shop.fleet.registry.down = True
    assert back(shop, "v1") is Exit.OK
    images = {one.body["Image"] for host in shop.fleet.hosts.values()
              for one in host.engine.containers.values()}  # fmt: skip
    (image,) = images
    first = next(name for name in shop.fleet.host("web-1").engine.images if name == image)
    assert first.startswith("registry.example:5000/app@sha256:")
    assert not any("pull" in event.text for event in shop.told.events if isinstance(event, ev.StepStarted))


def test_todays_checkout_does_not_matter(shop: Shop) -> None:
    bring(shop, "v1")
    (shop.root / ROLE).write_text(COMPOSE.replace("MODE:", "LEVEL:"))
    bring(shop, "v2")
    (shop.root / ROLE).write_text("services: {app: {imag: x, environment: {A: !secret env:APP_PASSWORD}}}")
    assert back(shop, "v1") is Exit.OK
    (one,) = shop.fleet.host("web-2").engine.containers.values()
    assert "MODE=plain" in one.body["Env"]
    assert not any(text.startswith("LEVEL=") for text in one.body["Env"])


def test_a_host_that_was_added_gets_the_release_and_one_that_has_gone_is_named(shop: Shop) -> None:
    bring(shop, "v1", "v2")
    (shop.root / INVENTORY).write_text(HOSTS.replace("web-3:", "web-4:"))
    assert back(shop, "v1") is Exit.OK
    assert shop.running()["web-4"] == ["v1"]
    assert shop.running()["web-3"] == ["v2"], "not ours to touch any more"
    assert "web-3: was in release 1 and is not in the inventory any more" in shop.told.text
    assert "web-4: was added since release 1; it gets v1, too" in shop.told.text


def test_a_part_of_the_hosts(shop: Shop) -> None:
    bring(shop, "v1", "v2")
    assert back(shop, "v1", limit="web-2") is Exit.OK
    assert shop.running() == {"web-1": ["v2"], "web-2": ["v1"], "web-3": ["v2"]}


def test_check_shows_and_changes_nothing(shop: Shop) -> None:
    bring(shop, "v1", "v2")
    assert back(shop, "v1", check=True, diff=True) is Exit.CHANGES
    assert any("replace web.app (image v2 → v1)" in line for line in shop.told.lines)
    assert shop.running() == everywhere("v2")
    bring(shop, "v2")  # the lease is free


def test_an_operator_who_does_not_agree_changes_nothing(shop: Shop) -> None:
    bring(shop, "v1", "v2")
    assert rollback(shop.session("unknown"), lambda question: False, "v1") is Exit.FAILED
    assert shop.running() == everywhere("v2")
    assert back(shop, "v1") is Exit.OK


def test_a_secret_that_nobody_here_has_written_down_is_not_read(shop: Shop) -> None:
    bring(shop, "v1")
    (shop.root / ROLE).write_text(COMPOSE.replace("!secret env:APP_PASSWORD", "none"))
    bring(shop, "v2")
    with pytest.raises(ConfigError, match="refers to secrets that the project's files do not know") as caught:
        back(shop, "v1")
    assert "env:APP_PASSWORD" in caught.value.why
    assert shop.running() == everywhere("v2")


def test_a_secret_that_has_changed_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(shop, "v1", "v2")
    monkeypatch.setenv("APP_PASSWORD", "another-one")
    assert back(shop, "v1") is Exit.OK
    assert "!secret env:APP_PASSWORD has changed since release 1; today's is used" in shop.told.text


def test_an_image_that_is_gone_everywhere_is_told_before_anything_changes(shop: Shop) -> None:
    bring(shop, "v1", "v2")
    gone = shop.fleet.registry.digests.pop("registry.example:5000/app:v1")
    images = shop.fleet.host("web-2").engine.images
    for name in [name for name, digest in images.items() if digest == gone]:
        del images[name]
    with pytest.raises(FleetError, match="the plan cannot run; nothing was changed"):
        back(shop, "v1")
    (line,) = (line for line in shop.told.lines if line.startswith("error"))
    print(line)
    assert "web-1 and web-3 still have it" in line
    assert shop.running() == everywhere("v2")


def test_a_rollback_that_fails_goes_back_to_where_it_began(shop: Shop) -> None:
    bring(shop, "v1", "v2")
    shop.fleet.host("web-2").sick.add("v1")
    assert back(shop, "v1", on_failure="rollback") is Exit.ROLLED_BACK
    assert shop.running() == everywhere("v2")


def test_a_version_means_the_release_of_all_hosts_and_not_of_one(shop: Shop) -> None:
    bring(shop, "v1", "v2")
    assert back(shop, "v1", limit="web-2") is Exit.OK
    assert back(shop, "v1") is Exit.OK
    assert shop.running() == everywhere("v1")


def test_a_rollback_of_a_part_is_no_step_back_of_all(shop: Shop) -> None:
    bring(shop, "v1", "v2", "v3")
    assert back(shop, limit="web-1") is Exit.OK
    assert back(shop) is Exit.OK
    assert shop.running() == everywhere("v2")


def test_a_secret_of_one_role_is_not_given_to_another_because_a_record_says_so(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "only-for-the-database")
    bring(shop, "v1")
    (shop.root / ROLE).write_text(COMPOSE.replace("env:APP_PASSWORD", "env:DB_PASSWORD"))
    bring(shop, "v2")
    (shop.root / ROLE).write_text(COMPOSE)
    bring(shop, "v3")
    db = shop.root / "roles" / "db" / "compose.yml"
    db.parent.mkdir()
    db.write_text(COMPOSE.replace("env:APP_PASSWORD", "env:DB_PASSWORD"))
    with pytest.raises(ConfigError, match="do not know") as caught:
        back(shop, "v2")
    assert "env:DB_PASSWORD" in caught.value.why
    assert back(shop, "v1") is Exit.OK


def test_a_rollback_goes_on_from_the_commit_that_it_came_from(shop: Shop) -> None:
    committed(shop)
    bring(shop, "v1")
    first = git(shop.root, "rev-parse", "HEAD")
    (shop.root / ROLE).write_text(COMPOSE.replace("!secret env:APP_PASSWORD", "none"))
    git(shop.root, "commit", "-qam", "no password any more")
    bring(shop, "v2")
    assert back(shop, "v1") is Exit.OK
    assert history(shop)[-1].head.commit == first
    shop.fleet.host("web-2").engine.containers.clear()
    assert converge(shop.session("unknown", yes=True), never) is Exit.OK
    assert shop.running() == everywhere("v1")
