"""The main job on real input: the sample shop on nine real hosts, deployed, and held back."""

from __future__ import annotations

import json
import urllib.request

from tests.fleet.shop.shop import FRONT, WEBS, Shop, page


def test_first_deploy(shop: Shop) -> None:
    assert shop.first
    shop.first.ended(0).says("suite is at v41")
    assert "version <b>v41</b>" in page()
    for address, name in zip(("21", "22", "23"), WEBS, strict=True):
        (container,) = shop.containers("web-app", name)[name]
        assert shop.eye(address).docker(container).is_running
        assert shop.eye(address).file("/srv/shop/web/shop.ini").exists


def test_orders_are_taken_and_packed(shop: Shop) -> None:
    """Front, database, queue and worker work together."""
    order = urllib.request.Request(f"{FRONT}orders", data=b"article=tea")
    with urllib.request.urlopen(order, timeout=5) as answer:
        assert answer.status in {200, 201}
        number = json.load(answer)["id"]
    assert shop.packed(number)


def test_second_deploy_has_nothing_to_do(shop: Shop) -> None:
    shop.deploy("v41").ended(0)
    shop.deploy("v41").ended(0).says("Nothing to do: suite is at v41; ")


def test_a_version_that_never_gets_healthy_is_held_back(shop: Shop) -> None:
    before = shop.containers("web-app", "web-2", "web-3")
    with shop.no_request_lost() as span:
        done = shop.deploy("v44", "--roles", "web").ended(3)
    done.says(
        'relation "coupons" does not exist',
        "timeout, not healthy within 20 s",
        "v44 failed and was rolled back: web.app failed on web-1",
    )
    assert span.versions == {"v41"}
    assert shop.versions() == {name: ["v41"] for name in WEBS}
    assert shop.containers("web-app", "web-2", "web-3") == before


def test_status_tells_who_runs_what(shop: Shop) -> None:
    done = shop.inv("status", "--limit", "web").ended(0)
    rows = [line.split() for line in done.out.splitlines() if line.startswith("web.app")]
    assert [row[:4] for row in rows] == [["web.app", f"web-{n}", "v41", "healthy"] for n in (1, 2, 3)]
