"""What was asked of hosts by hand → the script that they run, and which of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fleet.app.execute import Order
from fleet.app.failed import recall
from fleet.app.session import Session
from fleet.config.hosted import Hosted, find_service
from fleet.errors import UsageError
from fleet.report import events as ev
from fleet.report.names import fold
from fleet.run.inside import inside, inside_each
from fleet.run.uploaded import uploaded
from fleet.shell import words


@dataclass(frozen=True, slots=True)
class Asked:
    """``line``: of shell. ``file``: a script of this machine instead, run with ``arguments``. ``service``: in
    its container. ``retry``: only on the hosts where the last one failed."""

    line: str = ""
    file: str = ""
    arguments: tuple[str, ...] = ()
    service: str = ""
    retry: bool = False


def order(session: Session, asked: Asked, timeout: float, *, group: bool = False, serial: int = 0) -> Order:
    """Leaves in the session those hosts that it is for: maybe none. Raises UsageError, FleetError."""
    if asked.retry:
        keep(session, recall(session))
        if not session.hosts:
            session.emit(ev.Note("the last command failed on none of these hosts"))
    if asked.file:
        script = uploaded(_content(asked.file), asked.arguments)
        shown = words([asked.file, *asked.arguments])
    elif asked.service:
        hosted = in_service(session, asked.service)
        within = inside_each if hosted.replicated else inside
        script = within(session.place, hosted.role, hosted.service, asked.line)
        shown = f"{asked.line} (in {hosted})"
    else:
        script = shown = asked.line
    return Order(script, shown, timeout, group, serial)


def in_service(session: Session, name: str) -> Hosted:
    """Leaves in the session the hosts of the service. Raises UsageError."""
    hosted = find_service(session.options.root, session.inventory, name)
    chosen = bool(session.hosts)
    keep(session, hosted.hosts)
    if chosen and not session.hosts:
        raise UsageError(f"{hosted} is on none of these hosts", hint=f"its hosts: {fold(hosted.hosts)}")
    return hosted


def keep(session: Session, names: Iterable[str]) -> None:
    kept = set(names)
    session.hosts = tuple(host for host in session.hosts if host.name in kept)


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
