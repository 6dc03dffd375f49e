"""Whatever is rolled out, rolled back or taken out of traffic: nobody who asks the shop goes without."""

from __future__ import annotations

from tests.fleet.shop.shop import BALANCERS, FRONT, SECOND, WEBS, Shop, answer, page
from tests.support.waiting import until

RUN = {version: {name: [version] for name in WEBS} for version in ("v41", "v42")}


def test_a_rolling_update(shop: Shop) -> None:
    with shop.no_request_lost() as span:
        done = shop.deploy("v42", "--roles", "web").ended(0)
    done.says("web.app: 3 of 3 hosts, 3 batches of 1, stop-first", "suite is at v42")
    assert span.versions == {"v41", "v42"}
    assert shop.versions() == RUN["v42"]


def test_a_rollback_as_it_was_recorded(shop: Shop) -> None:
    with shop.no_request_lost() as span:
        done = shop.inv("rollback", "--yes").ended(0)
    done.says("web.app: 3 of 3 hosts, 3 batches of 1, start-first", "suite is at v41")
    assert span.versions == {"v41", "v42"}
    assert shop.versions() == RUN["v41"]


def test_a_host_that_is_taken_out_stays_out_over_a_deploy(shop: Shop) -> None:
    with shop.no_request_lost():
        shop.inv("drain", "web-2", "--for", "disk", "--yes").ended(0)
        assert all(shop.serving("web-2", name) == 0 for name in BALANCERS)
        shop.inv("status").ended(0).says("out of traffic (disk)")
        shop.deploy("v42", "--roles", "web").ended(0)
        assert shop.versions() == RUN["v42"]
        assert all(shop.serving("web-2", name) == 0 for name in BALANCERS)
        shop.inv("ready", "web-2", "--yes").ended(0)
        until(lambda: all(shop.serving("web-2", name) for name in BALANCERS), "web-2 gets no requests")


def test_a_page_instead_of_the_shop(shop: Shop) -> None:
    shop.inv("maintenance", "on", "--yes").ended(0)
    for url in (FRONT, SECOND):
        status, text = answer(url)
        assert status == 503
        assert text == (shop.root / "roles/loadbalancer/templates/maintenance.html").read_text()
    shop.inv("status").ended(0).says("answered by a page")
    shop.inv("maintenance", "off", "--yes").ended(0)
    with shop.no_request_lost():
        assert "The little shop" in page()
