"""The ledger on one host of the fleet, kept by shell scripts."""

from __future__ import annotations

from dataclasses import replace

from fleet.errors import LedgerError
from fleet.ledger import codec, scripts
from fleet.ledger.answer import files, said
from fleet.ledger.codec import RecordFiles
from fleet.ledger.failures import failure, understood
from fleet.ledger.opening import Opened, opening_script, parse_opening
from fleet.ledger.store import History
from fleet.model.leases import Claim, Holder, Lease
from fleet.model.place import Place
from fleet.model.releases import Entry, Head, Record
from fleet.transport.base import Transport

SECONDS = 60
"""Time limit of each script."""


class EmbeddedStore:
    """See :class:`fleet.ledger.store.Store`."""

    def __init__(self, transport: Transport, place: Place) -> None:
        self._transport = transport
        self._place = place

    def history(self) -> History:
        return self._open(None).history

    def holder(self) -> Holder | None:
        return self._open(None).holder

    def take(self, claim: Claim, over: int = 0) -> Lease | Holder:
        opened = self._open(claim, over)
        taken = opened.lease or opened.holder
        if taken is None:
            raise LedgerError("the ledger gave no answer", host=self._transport.host)
        return taken

    def renew(self, lease: Lease) -> None:
        self._run("written", scripts.renew(self._place, lease.token, lease.claim))

    def release(self, lease: Lease) -> None:
        self._run("written", scripts.release(self._place, lease.token))

    def record(self, number: int) -> Record:
        answer = self._run("read", scripts.record(self._place, number))
        texts = files(answer)
        host = self._transport.host
        if not any(name.startswith(scripts.stem(number)) for name in texts):
            raise LedgerError(
                f"there is no release {number}", hint="see which there are: inv releases", host=host
            )
        try:
            return codec.decode(number, record_files(number, texts))
        except codec.Damaged as error:
            hint = "another host's copy may have it: inv releases --rebuild"
            raise LedgerError(
                f"release {number} cannot be read", why=str(error), hint=hint, host=host
            ) from error
        except codec.TooNew as error:
            raise LedgerError(
                f"release {number} cannot be read", why=str(error), hint="update Fleet here", host=host
            ) from error

    def begin(self, lease: Lease, record: Record, entry: Entry) -> Head:
        script = scripts.begin(self._place, lease.token, codec.encode(record), codec.encode_entry(entry))
        told = said(self._run("written", script), "number")
        number = understood(self._transport.host, lambda: int(told[-1]))
        return replace(record.head, number=number)

    def add(self, lease: Lease, number: int, entry: Entry) -> None:
        self._run("written", scripts.add(self._place, lease.token, number, codec.encode_entry(entry)))

    def _open(self, claim: Claim | None, over: int = 0) -> Opened:
        result = self._transport.run(opening_script(self._place, claim, over), timeout=SECONDS)
        if result.rc is None:
            raise failure(self._transport.host, "opened", None, "", result.ending(SECONDS))
        answer = (result.out + b"\n" + result.err).decode("utf-8", "replace")
        return parse_opening(self._transport.host, answer, result.rc, claim)

    def _run(self, doing: str, script: str) -> str:
        return run(self._transport, doing, script)


def run(transport: Transport, doing: str, script: str) -> str:
    """What it printed. ``doing`` as in :func:`fleet.ledger.failures.failure`. Raises LedgerError, Fenced."""
    result = transport.run(script, timeout=SECONDS)
    out = result.out.decode("utf-8", "replace")
    if not result.ok:
        answer = f"{out}\n{result.err.decode('utf-8', 'replace')}"
        raise failure(transport.host, doing, result.rc, answer, result.ending(SECONDS))
    return out


def record_files(number: int, texts: dict[str, str]) -> RecordFiles:
    name = scripts.stem(number)
    return RecordFiles(texts.get(f"{name}.head", ""), texts.get(f"{name}.record", ""), texts)
