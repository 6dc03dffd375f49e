"""Whole deploys behind balancers: what gets requests when, and what the operator is told."""

from __future__ import annotations

from fleet.errors import Exit
from tests.support.behind import Behind


def test_a_first_deploy_leaves_every_server_with_its_share(behind: Behind) -> None:
    assert behind.bring() is Exit.OK
    assert behind.weights == {"web-1": 100, "web-2": 100, "web-3": 100}
    assert behind.bring() is Exit.OK
    assert behind.outcomes == ["v1 good"]


def test_a_rolling_deploy_leads_requests_around_each_host(behind: Behind) -> None:
    behind.bring()
    assert behind.told == []
    assert behind.bring("v2") is Exit.OK
    assert behind.told == [
        word
        for host in ("web-1", "web-2", "web-3")
        for word in (
            f"app/{host} state drain",
            f"app/{host} health down",
            f"app/{host} weight 100",
            f"app/{host} state ready",
        )
    ]
    assert behind.web == {"web-1": ["v2"], "web-2": ["v2"], "web-3": ["v2"]}
    assert behind.bring("v2") is Exit.OK
    assert behind.told == []
