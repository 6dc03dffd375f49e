"""The way from the source's helper to the target's: direct, or through this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fleet.errors import RemoteFailed
from fleet.report import events as ev
from fleet.run.volumes.attended import HelperFailed
from fleet.run.volumes.side import Side

LOOPBACK = "127.0.0.1"
REACH_SECONDS = 5
DIAL_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Way:
    """``to``: where the target's helper answers, as the source sees it; ``key``: what it shows there."""

    to: str
    key: str

    @property
    def words(self) -> tuple[str, ...]:
        return ("--to", self.to, "--host-key", self.key)


@contextmanager
def way(source: Side, target: Side) -> Iterator[Way]:
    """Both helpers run. No key of this machine is used by them: each has made its own.

    Raises HelperFailed, RemoteFailed when there is no way at all.
    """
    volume = source.move.volume
    public = str(source.ask("make a key", "key")["public"])
    served = target.ask(f"let volume {volume} be written", "serve", "--client", public)
    port, key = int(served["port"]), str(served["host_key"])
    direct = Way(_place(source.move.address, port), key)
    try:
        _reach(source, direct)
    except HelperFailed as refused:
        why = refused.why or refused.what
    else:
        yield direct
        return
    with source.transport.forward(
        lambda: target.transport.dial(LOOPBACK, port, timeout=DIAL_SECONDS)
    ) as here:
        around = Way(_place(LOOPBACK, here), key)
        try:
            _reach(source, around)
        except HelperFailed as refused:
            raise RemoteFailed(
                f"there is no way for volume {volume} from {source.host} to {target.host}",
                why=f"to {direct.to}: {why}\nthrough this machine: {refused.why or refused.what}",
                hint="let the hosts reach each other, or let sshd of both forward (AllowTcpForwarding yes)",
                host=source.host,
            ) from refused
        text = f"{source.host} does not reach {direct.to}: volume {volume} goes through this machine"
        source.emit(ev.Note(text))
        yield around


def _reach(source: Side, there: Way) -> None:
    source.ask("reach the target", "reach", *there.words, "--seconds", str(REACH_SECONDS))


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
