"""``--tag`` marks the commit that a good release was made from, and no tag of ours is taken for a version."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.app.deploy import deploy
from fleet.app.options import choose_version
from fleet.app.tag import tag
from fleet.errors import Exit
from tests.support.history import head
from tests.unit.app.conftest import Shop
from tests.unit.app.test_resume import history


def git(root: Path, *words: str) -> str:
    identity = ("-c", "user.name=anna", "-c", "user.email=anna@example.com")
    done = subprocess.run(["git", "-C", root, *identity, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def committed(shop: Shop) -> None:
    (shop.root / ".gitignore").write_text(".fleet/\nhosts/\n")
    git(shop.root, "init", "-q")
    git(shop.root, "config", "user.name", "anna")
    git(shop.root, "config", "user.email", "anna@example.com")
    git(shop.root, "add", ".")
    git(shop.root, "commit", "-qm", "the shop")
    git(shop.root, "tag", "v1")


def bring(shop: Shop, version: str) -> Exit:
    return deploy(shop.session(version, yes=True, tag=True), lambda question: False)


def test_a_good_release_is_tagged_and_the_tag_is_no_version(shop: Shop) -> None:
    committed(shop)
    assert bring(shop, "v1") is Exit.OK
    assert git(shop.root, "tag", "--list", "fleet/*") == "fleet/test/1"
    assert git(shop.root, "rev-parse", "fleet/test/1^{commit}") == git(shop.root, "rev-parse", "HEAD")
    assert choose_version(shop.root, "") == "v1"


def test_changes_that_no_commit_holds_are_not_tagged(shop: Shop) -> None:
    committed(shop)
    (shop.root / "notes").write_text("not committed")
    assert bring(shop, "v1") is Exit.OK
    assert git(shop.root, "tag", "--list", "fleet/*") == ""
    assert "not tagged: the checkout has changes that no commit holds" in shop.told.text


def test_outside_of_a_repository_it_is_told(shop: Shop) -> None:
    assert bring(shop, "v1") is Exit.OK
    assert "not tagged: the project is in no git repository" in shop.told.text


def test_a_release_that_failed_is_not_tagged(shop: Shop) -> None:
    committed(shop)
    shop.fleet.host("web-2").sick.add("v1")
    assert bring(shop, "v1") is not Exit.OK
    assert git(shop.root, "tag", "--list", "fleet/*") == ""


@pytest.mark.parametrize("commit", ["--force", "HEAD", "-d", "v1", "c0ffee", f"{'a' * 40}\n"])
def test_what_a_ledger_calls_a_commit_and_is_none_never_reaches_git(shop: Shop, commit: str) -> None:
    committed(shop)
    assert "not the name of a commit" in tag(shop.root, replace(head(7, "v1"), commit=commit))
    assert git(shop.root, "tag", "--list", "fleet/*") == ""


def test_a_part_knows_the_commit_that_the_rest_came_from(shop: Shop) -> None:
    committed(shop)
    bring(shop, "v1")
    first = git(shop.root, "rev-parse", "HEAD")
    git(shop.root, "commit", "-q", "--allow-empty", "-m", "more")
    assert deploy(shop.session("v2", yes=True, limit="web-2"), lambda question: False) is Exit.OK
    assert history(shop)[-1].head.commits == (first,)
