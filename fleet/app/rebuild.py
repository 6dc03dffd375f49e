"""A ledger made anew, or mended, from the copies of releases that the hosts keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.reach import require_ledger
from fleet.app.session import Session
from fleet.app.told import told
from fleet.errors import Exit, FleetError, LedgerError
from fleet.ledger.copies import parse_copy, parse_fence, raise_token, read_copy_script, restore
from fleet.ledger.store import Store
from fleet.model.place import Place
from fleet.model.releases import Entry, Record
from fleet.report import events as ev
from fleet.report.names import fold
from fleet.transport.base import Transport

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Found:
    """What one host keeps: its copy, if it has one, and the highest token of a lease that it has seen."""

    copy: tuple[Record, tuple[Entry, ...]] | None
    token: int


def rebuild(session: Session, confirm: Callable[[str], bool]) -> Exit:
    """Writes what the ledger lacks, and nothing over what it has. Hosts that do not answer are told: their
    copies may be newer."""
    with Connections(session) as connections, Custody(session, connections, "rebuild the ledger") as custody:
        connections.open(dict.fromkeys([*session.everyone.values(), session.ledger]))
        require_ledger(session, connections)
        found, errors = _copies(session, connections)
        if errors:
            session.report.error(session.masked(told(errors)))
            session.emit(ev.Note(f"without {fold(errors)}: their copies may be newer", "warning"))
        best = _best(found)
        missing = {number: best[number] for number in sorted(best) if not _intact(custody.store, number)}
        if not missing:
            session.emit(ev.Note(f"the ledger on {custody.host} has all that the hosts' copies have"))
            return Exit.OK
        _refuse_contradictions(session.place, found, missing)
        for number, (record, entries) in missing.items():
            outcome = next((one.outcome for one in reversed(entries) if one.outcome), None)
            what = f"release {number}: {record.head.version}, {outcome.value if outcome else 'running'}"
            hosts = fold(name for name, one in found.items() if one.copy and _number(one) == number)
            session.emit(ev.Note(f"  {what}, from {record.head.at}; kept by {hosts}"))
        if not session.options.yes and not confirm(f"Write them into the ledger on {custody.host}?"):
            session.emit(ev.Note("nothing was changed"))
            return Exit.FAILED
        custody.open()
        custody.secure()
        transport = connections.transports[custody.host]
        # Hosts that have seen the lost ledger's tokens would refuse those of a ledger that begins at 1.
        raise_token(transport, session.place, max(one.token for one in found.values()))
        for record, entries in missing.values():
            restore(transport, session.place, record, entries)
        session.emit(ev.Note(f"the ledger on {custody.host} is complete again up to release {max(best)}"))
        session.emit(ev.Note(f"  → name it: fleet_ledger: {custody.host} in group_vars/all.yml"))
        return Exit.OK


def _intact(store: Store, number: int) -> bool:
    try:
        store.record(number)
    except LedgerError:
        return False
    return True


def _number(found: Found) -> int:
    return found.copy[0].head.number if found.copy else 0


def _refuse_contradictions(place: Place, found: Mapping[str, Found], numbers: Iterable[int]) -> None:
    """A record is written once and is the same everywhere; of two, one has been tampered with, or is of
    another ledger. Raises LedgerError: how many hosts say so does not make it right."""
    for number in numbers:
        records = {host: one.copy[0] for host, one in found.items() if one.copy and _number(one) == number}
        first = next(iter(records.values()))
        same = [host for host, record in records.items() if record == first]
        others = records.keys() - same
        if others:
            raise LedgerError(
                f"the hosts' copies of release {number} contradict each other; nothing was written",
                why=f"{fold(same)} keep another one than {fold(others)}",
                hint=f"find out which is right, remove {place.base}/copy on the other hosts, and try again",
            )


def _best(found: dict[str, Found]) -> dict[int, tuple[Record, tuple[Entry, ...]]]:
    """By number, the copy that knows the most of what became of the release."""
    best: dict[int, tuple[Record, tuple[Entry, ...]]] = {}
    for one in found.values():
        if one.copy:
            known = best.get(_number(one))
            if known is None or len(one.copy[1]) > len(known[1]):
                best[_number(one)] = one.copy
    return best


def _copies(session: Session, connections: Connections) -> tuple[dict[str, Found], dict[str, FleetError]]:
    errors = dict(connections.errors)

    def one(item: tuple[str, Transport]) -> Found | FleetError:
        name, transport = item
        try:
            result = transport.run(read_copy_script(session.place), timeout=SECONDS)
            answer = (result.out + b"\n" + result.err).decode("utf-8", "replace")
            return Found(parse_copy(name, answer, result.rc), parse_fence(name, answer))
        except FleetError as error:
            error.host = error.host or name
            return error

    with ThreadPoolExecutor(max(1, min(session.parallel, len(connections.transports)))) as pool:
        answers = dict(
            zip(connections.transports, pool.map(one, connections.transports.items()), strict=True)
        )
    errors |= {name: answer for name, answer in answers.items() if isinstance(answer, FleetError)}
    return {name: answer for name, answer in answers.items() if isinstance(answer, Found)}, errors
