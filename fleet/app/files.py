"""Files to many hosts, and from them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from fleet.app.connections import Connections
from fleet.app.ending import INTERRUPTED, conclude
from fleet.app.session import Session
from fleet.errors import Exit, FleetError, UsageError
from fleet.report import events as ev
from fleet.run.files import Upload, fetch
from fleet.transport.base import Transport

ENDING = "interrupted: hosts that are begun are finished"


def put(session: Session, source: str, target: str, mode: str, timeout: float) -> Exit:
    """Raises UsageError."""
    _absolute(target)
    try:
        upload = Upload.of(Path(source), target, mode)
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}") from error

    def one(name: str, transport: Transport) -> str:
        written = upload.put(transport, timeout)
        return f"{target} written, {_size(upload.size)}" if written else f"{target} is the same already"

    return _each(session, "put", one)


def get(session: Session, source: str, directory: str, timeout: float) -> Exit:
    """To ``DIRECTORY/HOST/NAME``. Raises UsageError."""
    _absolute(source)

    def one(name: str, transport: Transport) -> str:
        target = Path(directory) / name.replace("/", "_") / PurePosixPath(source).name
        target.parent.mkdir(parents=True, exist_ok=True)
        return f"{target}, {_size(fetch(transport, source, target, timeout))}"

    return _each(session, "get", one)


def _each(session: Session, step: str, work: Callable[[str, Transport], str]) -> Exit:
    began = time.monotonic()
    names = [host.name for host in session.hosts]
    done: set[str] = set()
    errors: dict[str, FleetError] = {}

    def one(name: str, transport: Transport) -> None:
        if session.interrupt.asked.is_set():
            errors[name] = FleetError(INTERRUPTED)
            return
        start = time.monotonic()
        try:
            text = work(name, transport)
        except FleetError as error:
            errors[name] = error
        except OSError as error:
            errors[name] = FleetError(f"here: {error}")
        else:
            done.add(name)
            session.emit(ev.StepFinished(name, f"{name}/{step}", text, time.monotonic() - start))

    session.emit(ev.CommandStarted(step, tuple(names)))
    with Connections(session) as connections:
        with session.interruptible(ENDING):
            connections.each(session.hosts, one)
        unreached = dict(connections.errors)
    errors |= unreached
    causes = {name: error.what for name, error in errors.items()}
    return conclude(session, began, errors, causes, unreached)


def _absolute(path: str) -> None:
    if not path.startswith("/"):
        raise UsageError(f"{path}: a path on a host begins with /")


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size} bytes"
