"""Three hosts that run one role, and an application for them: what the suites with real hosts share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from fleet.rehearsal import HostFleet
from tests.support.app_image import AppRegistry

WEB = ("web-1", "web-2", "web-3")
# Where no run has left a trace and no container is, there is nothing to sweep.
SWEEP = """
[ -e /var/lib/fleet ] || [ -n "$(docker ps -aq)" ] || exit 0
docker ps -aq | xargs -r docker rm -fv >/dev/null
docker network prune -f >/dev/null; docker volume prune -f >/dev/null
umount /srv/* 2>/dev/null
rm -rf /srv/* /run/fleet /var/lib/fleet
true
"""


def app_registry(hosts: HostFleet) -> AppRegistry:
    """The versions v1 to v3 of the application, and one for each way of not being well."""
    registry = AppRegistry(str(next(hosts.subnet.hosts())))
    for version in ("v1", "v2", "v3"):
        registry.app(version)
    for mode in ("sick", "dies", "slow", "deaf"):
        registry.app(mode, mode)
    return registry


def sweep(hosts: HostFleet) -> None:
    """Every host as before the test."""
    with ThreadPoolExecutor(len(WEB)) as pool:
        list(pool.map(lambda name: hosts.host(name).run(SWEEP), WEB))
