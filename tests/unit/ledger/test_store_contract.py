"""What every store does, whatever it is made of."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fleet.errors import Fenced, LedgerError
from fleet.ledger.memory import MemoryStore
from fleet.ledger.store import History, Store
from fleet.model.leases import Holder, Lease
from fleet.model.releases import JobRun, Outcome
from tests.support.ledger import HOSTILE, LedgerHost, claim, entry, record, taken
from tests.support.shells import SHELLS

START = 1_000_000.0


@dataclass
class Kept:
    """A store and its clock."""

    store: Store
    _set: Callable[[float], None]
    _now: float = START

    def later(self, seconds: float) -> None:
        self._now += seconds
        self._set(self._now)


@pytest.fixture(params=["memory", *SHELLS])
def kept(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    if request.param == "memory":
        clock = [START]
        return Kept(MemoryStore(lambda: clock[0]), lambda now: clock.__setitem__(0, now))
    host = LedgerHost.at(tmp_path, request.param)
    monkeypatch.setenv("PATH", f"{host.bin}:{os.environ['PATH']}")
    return Kept(host.store, host.set_clock)


@pytest.fixture
def store(kept: Kept) -> Store:
    return kept.store


def test_nothing_is_there_at_first(store: Store) -> None:
    assert store.history() == History()
    assert store.holder() is None
    with pytest.raises(LedgerError, match="no release 1"):
        store.record(1)


def test_what_was_begun_is_read_back(store: Store) -> None:
    lease = taken(store)
    written = record("v7")
    head = store.begin(lease, written, entry())
    assert head == replace(written.head, number=1)
    assert store.record(1) == replace(written, head=head)
    (release,) = store.history().releases
    assert (release.head, release.entries) == (head, (entry(),))


def test_numbers_count_on(store: Store) -> None:
    lease = taken(store)
    numbers = [store.begin(lease, record(f"v{n}", number=99), entry()).number for n in range(1, 12)]
    assert numbers == list(range(1, 12))
    assert [one.head.version for one in store.history().releases] == [f"v{n}" for n in numbers]
    assert store.record(10).head.version == "v10"


def test_entries_stay_in_order(store: Store) -> None:
    lease = taken(store)
    store.begin(lease, record(), entry())
    store.begin(lease, record(), entry())
    told = [entry(None, why=str(n)) for n in range(10)]
    told += [
        entry(None, job=JobRun("web.migrate", "d1", "web-1", 1.5, HOSTILE)),
        entry(Outcome.GOOD, seconds=7),
    ]
    for one in told:
        store.add(lease, 1, one)
    first, second = store.history().releases
    assert first.entries == (entry(), *told)
    assert first.outcome is Outcome.GOOD
    assert second.outcome is Outcome.RUNNING


def test_no_entry_without_a_release(store: Store) -> None:
    with pytest.raises(LedgerError):
        store.add(taken(store), 3, entry())


def test_the_lease_has_one_holder(store: Store) -> None:
    lease = taken(store)
    other = store.take(claim("r2", "bob"))
    assert isinstance(other, Holder)
    assert (other.token, other.claim) == (lease.token, lease.claim)
    assert 29 <= other.left <= 31
    assert store.holder() == other


def test_of_takers_at_once_exactly_one_wins(store: Store) -> None:
    together = threading.Barrier(4)

    def take(number: int) -> Lease | Holder:
        together.wait()
        return store.take(claim(f"r{number}"))

    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(take, range(4)))
    (winner,) = [one for one in got if isinstance(one, Lease)]
    assert {one.claim.run for one in got} == {winner.claim.run}


def test_it_is_free_again_once_released(store: Store) -> None:
    first = taken(store)
    store.release(first)
    assert store.holder() is None
    second = taken(store, claim("r2"))
    assert second.token > first.token
    store.release(first)
    held = store.holder()
    assert held is not None
    assert held.claim.run == "r2"


def test_it_expires(kept: Kept) -> None:
    first = taken(kept.store)
    kept.later(29)
    assert kept.store.holder() is not None
    kept.later(3)
    assert kept.store.holder() is None
    assert taken(kept.store, claim("r2")).token > first.token


def test_renewed_it_lasts(kept: Kept) -> None:
    lease = taken(kept.store)
    for _ in range(3):
        kept.later(25)
        kept.store.renew(lease)
    assert isinstance(kept.store.take(claim("r2")), Holder)


def test_once_expired_it_is_not_renewed(kept: Kept) -> None:
    lease = taken(kept.store)
    kept.later(32)
    with pytest.raises(Fenced):
        kept.store.renew(lease)
    assert kept.store.holder() is None


def test_a_stolen_one_is_not_renewed(store: Store) -> None:
    lease = taken(store)
    thief = taken(store, claim("r2", "bob"), over=lease.token)
    with pytest.raises(Fenced, match="not ours") as told:
        store.renew(lease)
    assert "bob" in told.value.why
    store.renew(thief)


def test_a_released_one_is_not_renewed(store: Store) -> None:
    lease = taken(store)
    store.release(lease)
    with pytest.raises(Fenced):
        store.renew(lease)


def test_a_freeze_never_expires(kept: Kept) -> None:
    lease = taken(kept.store, claim(seconds=0, message=HOSTILE))
    kept.later(10_000_000)
    held = kept.store.take(claim("r2"))
    assert isinstance(held, Holder)
    assert held.frozen
    assert held.claim.message == HOSTILE
    kept.store.renew(lease)
    kept.store.release(lease)
    taken(kept.store, claim("r2"))


def test_only_the_holder_that_was_seen_is_overruled(store: Store) -> None:
    first = taken(store)
    second = taken(store, claim("r2"), over=first.token)
    assert isinstance(store.take(claim("r3"), over=first.token), Holder)
    assert second.token > first.token


@pytest.mark.parametrize("how", ["stolen", "released"])
def test_who_lost_the_lease_writes_nothing(store: Store, how: str) -> None:
    lease = taken(store)
    store.begin(lease, record(), entry())
    if how == "stolen":
        taken(store, claim("r2"), over=lease.token)
    else:
        store.release(lease)
    with pytest.raises(Fenced):
        store.begin(lease, record("v2"), entry())
    with pytest.raises(Fenced):
        store.add(lease, 1, entry(Outcome.GOOD))
    (release,) = store.history().releases
    assert release.entries == (entry(),)


def test_who_was_late_may_still_tell_the_end(kept: Kept) -> None:
    """Nobody came after: the truth is better than a release that seems to run."""
    lease = taken(kept.store)
    kept.store.begin(lease, record(), entry())
    kept.later(100)
    kept.store.add(lease, 1, entry(Outcome.FAILED))
    assert kept.store.history().releases[0].outcome is Outcome.FAILED


def test_any_text_is_kept(store: Store) -> None:
    lease = taken(store, claim(doing=HOSTILE, who="o'brien"))
    held = store.holder()
    assert held is not None
    assert held.claim == lease.claim
    written = replace(record(HOSTILE), sources={"web/it's": HOSTILE, "web/nul": "a\0b", "web/none": ""})
    store.begin(lease, written, entry(why=HOSTILE))
    assert store.record(1) == replace(written, head=replace(written.head, number=1))
    assert store.history().releases[0].entries[0].why == HOSTILE
