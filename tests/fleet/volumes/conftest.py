"""The helper image, built once, on the engine of the tests."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from fleet.rehearsal import engine as engines
from fleet.rehearsal.images import Images
from tests.fleet.volumes.sides import Sides, sides


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
