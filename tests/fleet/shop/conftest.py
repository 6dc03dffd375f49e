"""One shop on nine real hosts for all of these tests; each file begins with v41 and the roles as they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fleet.shop.shop import WEBS, Shop

START_FIRST = {"web_order": "start-first"}
"""As v41 is recorded, a rollback to it is done."""


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.made()
    try:
        shop.rehearsal.up()
        with shop.variables("web", **START_FIRST):
            shop.first = shop.deploy("v41")
        yield shop
    finally:
        shop.rehearsal.down()


@pytest.fixture(scope="module")
def shop(whole: Shop) -> Shop:
    if whole.versions() != {name: ["v41"] for name in WEBS}:
        with whole.variables("web", **START_FIRST):
            whole.deploy("v41", "--roles", "web").ended(0)
    return whole
