"""What went wrong on the ledger's host, in words an operator can act on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

from fleet.errors import Fenced, FleetError, LedgerError
from fleet.ledger import scripts
from fleet.ledger.answer import said
from fleet.model import codec
from fleet.model.leases import Claim, Holder

T = TypeVar("T")

FULL = ("No space left on device", "Disk quota exceeded")
RIGHTS = ("Permission denied", "Read-only file system", "Operation not permitted", "Not a directory")


def failure(host: str, doing: str, rc: int | None, answer: str, ending: str = "") -> FleetError:
    """``doing`` completes "the ledger cannot be"; ``answer`` is what the script printed on both streams."""
    why = "\n".join(line for line in answer.splitlines() if line and not line.startswith("@"))
    if rc == scripts.FENCED:
        return fenced(host, _known(answer))
    if rc == scripts.BUSY:
        hint = "try again in a moment; if it stays so, look there who has that file: fuser -v"
        return LedgerError("the ledger is locked by another process", why=why, hint=hint, host=host)
    if rc == scripts.NO_FLOCK:
        hint = "install util-linux there, or name another host: fleet_ledger"
        return LedgerError("the ledger needs the program flock, and it is not there", hint=hint, host=host)
    if rc == scripts.LEASE_DAMAGED:
        hint = "when nobody deploys now, remove that file there"
        return LedgerError("the file of the lease is damaged", why=why, hint=hint, host=host)
    what = f"the ledger cannot be {doing}"
    if any(words in why for words in FULL):
        hint = "make room there (docker image prune), then try again"
        return LedgerError(f"{what}: the disk is full", why=why, hint=hint, host=host)
    if any(words in why for words in RIGHTS):
        hint = "let the login user write it (ansible_become: true), or set fleet_state_dir"
        return LedgerError(f"{what}: no right to", why=why, hint=hint, host=host)
    return LedgerError(what, why=why or ending, host=host)


def fenced(host: str, holder: Holder | None) -> Fenced:
    who = holder and f"{holder.claim.who} on {holder.claim.controller} holds it: {holder.claim.doing}"
    return Fenced(
        "the lease is not ours any more; nothing was written",
        why=who or "it was released, or has expired",
        hint="see who works now: inv lock",
        host=host,
    )


def understood(host: str, read: Callable[[], T]) -> T:
    """What ``read`` takes from the host's answer. Raises LedgerError for one that is none of ours."""
    try:
        return read()
    except (ValueError, IndexError) as error:
        hint = "a newer Fleet may have written it: update Fleet here"
        raise LedgerError(
            "the answer of the ledger is not understood", why=str(error), hint=hint, host=host
        ) from error


def holding(answer: str) -> Holder | None:
    """Who holds the lease, as the scripts tell it; None when it is free. Raises ValueError."""
    state, claim = said(answer, "lease"), said(answer, "claim")
    if not state or not claim:
        return None
    token, left, word = state[-1].split()
    if word != "held":
        return None
    return Holder(int(token), codec.load(Claim, json.loads(claim[-1])), float(left))


def _known(answer: str) -> Holder | None:
    """That the lease is lost counts for more than who has it."""
    try:
        return holding(answer)
    except ValueError:
        return None
