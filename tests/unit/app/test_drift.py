"""``status --drift`` on a fleet in memory."""

from __future__ import annotations

import pytest

from fleet.app.deploy import deploy
from fleet.app.drift import drift
from fleet.errors import Exit, Unreachable
from tests.unit.app.conftest import Shop


@pytest.fixture
def deployed(shop: Shop) -> Shop:
    assert deploy(shop.session("v1", yes=True), lambda _: True) is Exit.OK
    shop.fleet.log.clear()
    return shop


def stop(shop: Shop, host: str) -> None:
    (one,) = shop.fleet.hosts[host].engine.containers.values()
    one.state, one.exit_code = "exited", 3


def test_nothing_was_deployed_yet(shop: Shop) -> None:
    assert drift(shop.session("unknown")) is Exit.OK
    assert shop.told.lines == ["nothing was deployed to test yet: there is nothing to differ from"]


def test_as_it_was_left(deployed: Shop) -> None:
    assert drift(deployed.session("unknown")) is Exit.OK
    assert deployed.told.lines == ["test: 3 hosts are as v1 (release 1) left them"]
    assert deployed.fleet.log == {}, "it changes nothing"


def test_what_the_files_say_today_does_not_matter(deployed: Shop) -> None:
    (deployed.root / "roles" / "web" / "compose.yml").write_text("nonsense: {}\n")
    assert drift(deployed.session("unknown", limit="web-1")) is Exit.OK
    assert deployed.told.lines == ["test: 1 host is as v1 (release 1) left it"]


def test_field_by_field(deployed: Shop) -> None:
    stop(deployed, "web-2")
    deployed.fleet.hosts["web-3"].engine.containers.clear()
    assert drift(deployed.session("unknown")) is Exit.DRIFT
    (digest,) = {line.partition("(")[2] for line in deployed.told.lines if "app:v1" in line}
    assert deployed.told.lines == [
        "test: 2 hosts are not as v1 (release 1) left them",
        "",
        "web.app on web-2",
        "  ~ state: running → exited (exit code 3)",
        "",
        "web.app on web-3",
        f"  - app:v1 ({digest}",
        "",
        "inv converge --env test brings them back to it; add --check to look first",
    ]


def test_for_machines(deployed: Shop) -> None:
    stop(deployed, "web-2")
    assert drift(deployed.session("unknown", json=True)) is Exit.DRIFT
    assert deployed.told.records == [
        {"event": "Drift", "subject": "web.app", "what": "state", "old": "running",
         "new": "exited (exit code 3)", "hosts": ("web-2",), "lines": ()}
    ]  # fmt: skip


def test_only_some_roles(deployed: Shop) -> None:
    stop(deployed, "web-2")
    assert drift(deployed.session("unknown", roles=("db",))) is Exit.OK


def test_a_host_that_does_not_answer_hides_no_other(deployed: Shop) -> None:
    stop(deployed, "web-2")
    deployed.fleet.unreachable.add("web-3")
    assert drift(deployed.session("unknown")) is Exit.UNREACHABLE
    assert "  ~ state: running → exited (exit code 3)" in deployed.told.lines
    (error,) = deployed.told.errors
    assert "web-3" in error


def test_without_the_ledger_there_is_nothing_to_compare_with(deployed: Shop) -> None:
    deployed.fleet.unreachable.add("web-1")
    with pytest.raises(Unreachable, match="web-1 keeps the ledger"):
        drift(deployed.session("unknown"))
