"""A snapshot leaves a real host and comes back: by a file of this machine, and by a directory of restic."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.errors import FleetError, Interrupted
from fleet.model.archives import Address
from fleet.ops import archives as ops
from fleet.rehearsal import HostFleet
from fleet.run.volumes.archiving import Store, bring, from_file, from_store, to_file, to_store
from fleet.run.volumes.ground import Ground
from tests.fleet.volumes.keeps import PLACE, Keeps
from tests.fleet.volumes.moves import SWEEP, VOLUME

REPOSITORY = Address("/srv/back ups")


def given() -> bytes:
    fields = {"repository": ops.location(REPOSITORY), "environment": {"RESTIC_PASSWORD": "s3cret"}}
    return json.dumps(fields).encode()


@pytest.fixture
def keeps(hosts: HostFleet, image: str, tmp_path: Path) -> Iterator[Keeps]:
    known = tmp_path / "known_hosts"
    known.write_text(hosts.known_hosts())
    made = Keeps(hosts, image, known)
    made.host.run("mkdir -p '/srv/back ups'")
    made.begin()
    yield made
    made.host.run(SWEEP)


def test_there_and_back(keeps: Keeps, tmp_path: Path) -> None:
    taken = keeps.take()
    file = tmp_path / "shop.tar"
    store = Store(REPOSITORY, given)
    with keeps.connected() as (here, _):

        def ground(address: Address | None = None, cancel: threading.Event | None = None) -> Ground:
            helper = ops.helper(VOLUME, keeps.image, PLACE, taken.name, address, reads=True)
            return Ground(keeps.host.name, helper, here, keeps.told.append, cancel or threading.Event())

        assert to_file(ground(), taken, file) == file.stat().st_size > 30_000_000
        to_store(ground(REPOSITORY), taken, store, lambda: True)
        out_of_file = bring(ground(), PLACE, VOLUME, "db", file.name, from_file(file))
        out_of_store = bring(ground(REPOSITORY), PLACE, VOLUME, "db", "restic", from_store(store, VOLUME))
        keeps.nothing_half(taken, out_of_file, out_of_store)
        for made in (out_of_file, out_of_store):
            assert (made.digest, made.lineage, made.at) == (taken.digest, taken.lineage, taken.at)
            assert keeps.log(made.name) == keeps.log(taken.name)

        # A byte that has flipped, a file that is cut, ^C: nothing is left.
        with file.open("r+b") as bytes_:
            bytes_.seek(20_000_000)
            byte = bytes_.read(1)
            bytes_.seek(20_000_000)
            bytes_.write(bytes([byte[0] ^ 1]))
        with pytest.raises(FleetError, match="what was unpacked is not what was archived"):
            bring(ground(), PLACE, VOLUME, "db", file.name, from_file(file))
        with file.open("r+b") as bytes_:
            bytes_.truncate(10_000_000)
        with pytest.raises(FleetError, match="the archive is cut short"):
            bring(ground(), PLACE, VOLUME, "db", file.name, from_file(file))
        cancel = threading.Event()
        cancel.set()
        with pytest.raises(Interrupted):
            to_file(ground(cancel=cancel), taken, tmp_path / "other.tar")
        assert sorted(one.name for one in tmp_path.iterdir() if ".tar" in one.name) == ["shop.tar"]
        keeps.nothing_half(taken, out_of_file, out_of_store)
    keeps.goes_on()
