"""The balancers themselves change, fail and are away."""

from __future__ import annotations

from tests.fleet.shop.shop import BALANCERS, FRONT, SECOND, WEBS, Shop
from tests.support.waiting import until

HAPROXY = "loadbalancer-haproxy"
TEMPLATE = "loadbalancer/templates/haproxy.cfg.j2"
FILE = "/srv/haproxy/conf/haproxy.cfg"
BALANCER = ("--roles", "loadbalancer")


def config(shop: Shop) -> dict[str, str]:
    return {name: shop.host(name).run(f"cat {FILE}") for name in BALANCERS}


def test_a_new_configuration_is_taken_up_by_a_reload(shop: Shop) -> None:
    containers = shop.containers(HAPROXY, *BALANCERS)
    with shop.no_request_lost():
        workers = {name: shop.worker(name) for name in BALANCERS}
        with shop.edited(TEMPLATE, "maxconn 4000", "maxconn 4001"):
            shop.deploy("v41", *BALANCER).ended(0)
        for name in BALANCERS:
            assert shop.worker(name) != workers[name]
            assert "maxconn 4001" in config(shop)[name]
    assert shop.containers(HAPROXY, *BALANCERS) == containers


def test_a_configuration_with_a_mistake_never_reaches_the_balancer(shop: Shop) -> None:
    before, workers = config(shop), {name: shop.worker(name) for name in BALANCERS}
    with shop.no_request_lost(), shop.edited(TEMPLATE, "balance roundrobin", "balance fairly"):
        shop.deploy("v41", *BALANCER).ended(3).says("balance only supports", "the old ones are untouched")
    assert config(shop) == before
    assert {name: shop.worker(name) for name in BALANCERS} == workers


def test_a_port_of_another_program_is_found_before_anything_is_written(shop: Shop) -> None:
    """HAProxy itself would find nothing wrong with it before it reloads."""
    before, workers = config(shop), {name: shop.worker(name) for name in BALANCERS}
    more = "frontend more\n    bind :22\n\nfrontend stats"
    with shop.no_request_lost(), shop.edited(TEMPLATE, "frontend stats", more):
        shop.deploy("v41", *BALANCER).ended(3).says("another program listens on 22", "are untouched")
    assert config(shop) == before
    assert {name: shop.worker(name) for name in BALANCERS} == workers


def test_a_configuration_that_cannot_be_taken_up_is_taken_back(shop: Shop) -> None:
    """HAProxy finds nothing wrong with it, but the host has no such address."""
    before = config(shop)
    containers = shop.containers(HAPROXY, *BALANCERS)
    more = "frontend more\n    bind 192.0.2.1:81\n\nfrontend stats"
    with shop.customers() as span, shop.edited(TEMPLATE, "frontend stats", more):
        shop.deploy("v41", *BALANCER).ended(3).says("those from before are back")
    assert config(shop) == before
    assert shop.containers(HAPROXY, *BALANCERS) == containers
    # HAProxy's new process asks the old one to let go of all its ports while it tries, for two seconds.
    seconds = [[one.second for one in load.tally.failures] for load in span.loads.values()]
    (tried,) = [some for some in seconds if some] or [[0.0]]
    assert max(tried) - min(tried) < 4
    assert {failure.kind for failure in span.failures} <= {"refused", "reset"}


def test_a_new_container_takes_over_from_the_old_one(shop: Shop) -> None:
    before = shop.containers(HAPROXY, *BALANCERS)
    with (
        shop.no_request_lost(),
        shop.edited("loadbalancer/compose.yml", "grace_period: 35s", "grace_period: 36s"),
    ):
        shop.deploy("v41", *BALANCER).ended(0).says("start-first")
    after = shop.containers(HAPROXY, *BALANCERS)
    for name in BALANCERS:
        assert len(after[name]) == 1
        assert after[name] != before[name]


def test_a_balancer_that_dies_in_the_middle_of_a_drain_comes_back_with_it(shop: Shop) -> None:
    with shop.no_request_lost(FRONT), shop.customers(SECOND):
        run = shop.begun("drain", "web-2", "--yes")
        until(lambda: not shop.serving("web-2", "lb-2"), "web-2 is not drained")
        # Not by the engine, which would take it for an operator's wish and leave it dead.
        shop.host("lb-2").run("pkill -KILL -o -x haproxy")
        run.end().ended(0)
        until(lambda: shop.answers("lb-2"), "HAProxy does not come back")
        assert not any(shop.serving("web-2", name) for name in BALANCERS)
        shop.inv("ready", "web-2", "--yes").ended(0)
    assert all(shop.serving("web-2", name) for name in BALANCERS)


def test_a_balancer_that_is_away_holds_nobody_up(shop: Shop) -> None:
    shop.host("lb-2").pause()
    try:
        with shop.no_request_lost(FRONT) as span:
            shop.deploy("v42", "--roles", "web", "--unreachable", "skip").ended(0).says("lb-2")
    finally:
        shop.host("lb-2").unpause()
    assert span.versions == {"v41", "v42"}
    assert shop.versions() == {name: ["v42"] for name in WEBS}
