"""A new version beside the old one: promoted, taken back, by shares, and found wanting by what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet.shop.shop import BALANCERS, WEBS, Shop

WEB = ("--roles", "web")
WATCH = {"window": "5s", "requests": 20, "errors": "1%", "slower": 5, "on_failure": "abort"}
BLUE_GREEN: dict[str, Any] = {"web_strategy": "blue-green", "web_watch": WATCH}
CANARY: dict[str, Any] = {
    "web_strategy": {"canary": [{"weight": 20, "for": "5s"}, {"weight": 50}]},
    "web_watch": WATCH,
}
RUN = {version: {name: [version] for name in WEBS} for version in ("v41", "v42")}
BOTH = {name: ["v41", "v42"] for name in WEBS}


@pytest.fixture(autouse=True, scope="module")
def _side_by_side(shop: Shop) -> Iterator[None]:
    """Nothing stops before the new version has taken over, so all hosts may begin at once."""
    with shop.edited("web/compose.yml", "parallelism: 1", "parallelism: 0"):
        yield


def test_a_version_that_fails_in_front_of_customers_is_taken_back(shop: Shop) -> None:
    """It is healthy, by its own words; only orders find out that it cannot reach the queue."""
    before = shop.containers("web-app", *WEBS)
    with shop.customers() as span, shop.variables("web", **BLUE_GREEN, queue_password="mistyped"):
        done = shop.deploy("v42", *WEB).ended(3)
    done.says("v42 of web.app is not as good as v41", "errors: ", "v42 failed and was rolled back")
    assert shop.containers("web-app", *WEBS) == before
    ends = {(failure.client, failure.kind) for failure in span.failures}
    assert ends <= {("order", "status 503"), ("slow sender", "status 503")}


def test_blue_green_is_on_trial_until_it_is_aborted(shop: Shop) -> None:
    before = shop.containers("web-app", *WEBS)
    with shop.no_request_lost() as span, shop.variables("web", **BLUE_GREEN):
        shop.deploy("v42", *WEB).ended(0).says("on trial")
        assert shop.versions() == BOTH
        status = (
            shop.inv("status").ended(0).says("(v42) is on trial; inv promote --env suite goes on with it")
        )
        assert status.out.count("50 % of its requests") == 2 * len(WEBS)
        assert "on trial" in shop.inv("releases").ended(0).out.splitlines()[1]
        shop.deploy("v43", *WEB).ended(64).says("(v42) is on trial", "inv promote", "inv abort")
        shop.inv("abort", "--yes").ended(0).says("suite is at v41")
    assert span.versions == {"v41", "v42"}
    assert shop.containers("web-app", *WEBS) == before


def test_a_canary_is_promoted_by_hand_after_its_last_share(shop: Shop) -> None:
    with shop.no_request_lost() as span, shop.variables("web", **CANARY):
        done = shop.deploy("v42", *WEB).ended(0)
        done.says("20 % of the requests", "50 % of the requests", "v42 is on trial in suite")
        for balancer in BALANCERS:
            assert set(shop.seen(balancer, "weight").values()) == {"50"}
        shop.inv("promote", "--yes").ended(0).says("suite is at v42")
    assert span.versions == {"v41", "v42"}
    assert shop.versions() == RUN["v42"]
