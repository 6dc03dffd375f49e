"""What a record gets from this machine: secrets of the hosts and roles that a run touches, and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.app.refs import admitted, unlock_earlier
from fleet.app.session import Session
from fleet.errors import ConfigError
from fleet.model.releases import Record
from fleet.model.services import Service
from fleet.secret import Hole, SealedText, SecretRef
from tests.support.build import service
from tests.support.ledger import record
from tests.unit.app.conftest import COMPOSE, Shop
from tests.unit.app.test_tag import committed, git

ROLE = "roles/web/compose.yml"
OURS = SecretRef("env", "APP_PASSWORD")


def asking(ref: SecretRef, role: str = "web") -> Service:
    made = service("app", role=role)
    environment = (("PASSWORD", SealedText((Hole(ref),))),)
    return replace(made, container=replace(made.container, environment=environment))


def renamed() -> Record:
    """The secret of db has another name today."""
    db = asking(SecretRef("env", "DB_OLD"), "db")
    return record("v1", 1, web_1=(asking(OURS),), web_2=(asking(OURS), db))


@pytest.fixture
def session(shop: Shop) -> Session:
    return shop.session()


def test_what_no_file_asks_for_refuses_the_whole(session: Session) -> None:
    with pytest.raises(ConfigError, match="do not know") as told:
        admitted(session, renamed())
    assert told.value.why == "!secret env:DB_OLD"
    assert not set(session.keyring)


@pytest.mark.parametrize("part", [{"roles": ("web",)}, {"hosts": ("web-1",)}])
def test_what_the_run_leaves_alone_is_no_obstacle(session: Session, part: dict[str, tuple[str, ...]]) -> None:
    given = renamed()
    assert admitted(session, given, **part) == given.desired
    assert unlock_earlier(session, given, **part) == given.desired
    assert set(session.keyring) == {OURS}


def test_what_was_carried_over_may_come_from_another_commit(shop: Shop) -> None:
    committed(shop)
    first = git(shop.root, "rev-parse", "HEAD")
    (shop.root / ROLE).write_text(COMPOSE.replace("!secret env:APP_PASSWORD", "none"))
    git(shop.root, "commit", "-qam", "no password any more")
    given = record("v2", 2, web_1=(asking(OURS),))
    head = replace(given.head, commit=git(shop.root, "rev-parse", "HEAD"))
    assert unlock_earlier(shop.session(), replace(given, head=head)) is None
    of_both = replace(given, head=replace(head, commits=(first,)))
    assert admitted(shop.session(), of_both) == given.desired


def test_a_role_that_the_host_is_not_in_gets_nothing_for_it(shop: Shop, session: Session) -> None:
    """A host that has changed a record to call its own service another role's, or nobody's."""
    (shop.root / "roles/db").mkdir()
    (shop.root / "roles/db/compose.yml").write_text(COMPOSE.replace("APP_PASSWORD", "DB_PASSWORD"))
    for role in ("web", "db", "", "../roles/db"):
        with pytest.raises(ConfigError, match="do not know"):
            admitted(session, record("v1", 1, web_1=(asking(SecretRef("env", "DB_PASSWORD"), role),)))
    assert not set(session.keyring)
