"""The first look at the ledger, made in the same call as the facts of its host: take the lease if one is
wanted, tell who holds it, and read the history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleet.ledger import codec, scripts
from fleet.ledger.answer import entry_names, files, said
from fleet.ledger.failures import failure, holding, understood
from fleet.ledger.store import History
from fleet.model.leases import Claim, Holder, Lease
from fleet.model.place import Place
from fleet.model.releases import Entry, Release


@dataclass(frozen=True, slots=True)
class Opened:
    """``lease`` when it was asked for and is ours now, else ``holder`` when somebody has it."""

    lease: Lease | None
    holder: Holder | None
    history: History


def opening_script(place: Place, claim: Claim | None, over: int = 0) -> str:
    """For :func:`parse_opening`, which takes both streams as one. Without a ``claim`` it only reads."""
    return scripts.opening(place, claim, over)


def parse_opening(host: str, answer: str, rc: int | None, claim: Claim | None) -> Opened:
    """Raises LedgerError."""
    if rc != 0:
        raise failure(host, "opened", rc, answer, f"exit status {rc}")
    return understood(host, lambda: _opened(answer, claim))


def _opened(answer: str, claim: Claim | None) -> Opened:
    taken = said(answer, "taken")
    if claim and taken:
        return Opened(Lease(int(taken[-1]), claim), None, history(answer))
    return Opened(None, holding(answer), history(answer))


def history(answer: str) -> History:
    texts = files(answer)
    filed = _by_number({*said(answer, "name"), *texts})
    sums = {name: total for total, _, name in (line.partition("  ") for line in said(answer, "sum"))}
    damaged: list[str] = []
    releases = []
    for number in sorted(filed):
        names, record = filed[number], f"{scripts.stem(number)}.record"
        try:
            head, expected = codec.decode_head(number, texts.get(f"{scripts.stem(number)}.head", ""))
        except ValueError as error:
            damaged.append(f"release {number}: {error}")
            continue
        # The sums of older ones are looked at when they are read.
        if record not in names or sums.get(record, expected) != expected:
            damaged.append(f"release {number}: its record is damaged (checksum) or missing")
        entries, wrong = read_entries(number, texts, names)
        damaged += (f"release {number}: {why}" for why in wrong)
        releases.append(Release(head, tuple(entries.values())))
    return History(tuple(releases), tuple(damaged))


def read_entries(number: int, texts: dict[str, str], names: set[str]) -> tuple[dict[int, Entry], list[str]]:
    """Those that can be read, by index, and what is wrong with the others."""
    found, wrong = {}, []
    known = entry_names(number, names)
    for index in range(1, max(known, default=1) + 1):
        try:
            found[index] = codec.decode_entry(texts.get(known.get(index, ""), ""), f"entry {index}")
        except ValueError as error:
            wrong.append(str(error))
    return found, wrong


def _by_number(names: Iterable[str]) -> dict[int, set[str]]:
    """The files of each release. What lies after the last that has a head is a run's that was cut off."""
    filed: dict[int, set[str]] = {}
    for name in names:
        stem, dot, _ = name.partition(".")
        if dot and stem.isdigit():
            filed.setdefault(int(stem), set()).add(name)
    last = max((number for number in filed if f"{scripts.stem(number)}.head" in filed[number]), default=0)
    return {number: names for number, names in filed.items() if number <= last}
