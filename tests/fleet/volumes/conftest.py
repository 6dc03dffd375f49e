"""The helper image, built once, on the engine of the tests; and three hosts that have it, for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from fleet.rehearsal import HostFleet, host_fleet
from fleet.rehearsal import engine as engines
from fleet.rehearsal.images import Images
from tests.fleet.volumes.cuts import summary
from tests.fleet.volumes.moves import SWEEP, Moves
from tests.fleet.volumes.sides import Sides, sides

SMALL = 1200
"""Megabytes of the small host's disk: for the helper, and not for everything."""


@pytest.fixture(scope="package")
def client() -> docker.DockerClient:
    return engines.engine(print).client


@pytest.fixture(scope="package")
def helper_image(client: docker.DockerClient) -> str:
    return str(Images(engines.engine(print), print).ensure("volumes").id)


@pytest.fixture
def pair(client: docker.DockerClient, helper_image: str) -> Iterator[Sides]:
    with sides(client, helper_image) as both:
        yield both


@pytest.fixture(scope="package")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostFleet]:
    with host_fleet(
        "test-volumes", ["db-1", "db-2", "small"], tmp_path_factory.mktemp("keys"), disk_mb={"small": SMALL}
    ) as fleet:
        yield fleet


@pytest.fixture(scope="package")
def image(hosts: HostFleet, client: docker.DockerClient, helper_image: str) -> str:
    """The helper's, on every host."""
    packed = b"".join(client.images.get(helper_image).save())
    for host in (hosts.host(spec.name) for spec in hosts.specs):
        host.write("/var/lib/docker/helper.tar", packed)
        host.run("docker load -qi /var/lib/docker/helper.tar && rm /var/lib/docker/helper.tar")
    return helper_image


@pytest.fixture
def moves(hosts: HostFleet, image: str, tmp_path: Path) -> Iterator[Moves]:
    known = tmp_path / "known_hosts"
    known.write_text(hosts.known_hosts())
    made = Moves(hosts, image, known)
    made.begin()
    yield made
    for spec in hosts.specs:
        hosts.host(spec.name).run(SWEEP)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the sample of cuts has come to, in one line."""
    told = [
        dict(report.user_properties)
        for kind in ("passed", "failed")
        for report in terminalreporter.stats.get(kind, ())
        if report.when == "call" and dict(report.user_properties).get("cut")
    ]
    if told:
        ends = [one["end"] for one in told if "end" in one]
        terminalreporter.write_line(summary(told[0]["cut"], ends, len(told) - len(ends)))
