"""The private Docker Engine that these tests start when none runs is ended with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fleet.rehearsal import engine
from fleet.rehearsal.hosts import LABEL


@pytest.fixture(scope="session", autouse=True)
def _engine_as_it_was_found() -> Iterator[None]:
    before = engine.running()
    yield
    now = engine.running()
    if before is None and now and now.ours:
        hosts = now.client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
        if not hosts:
            engine.stop(print)
