"""The logs of services on all their hosts, as one."""

from __future__ import annotations

import heapq
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fleet.app.connections import Connections
from fleet.app.orders import keep
from fleet.app.session import Session
from fleet.app.told import told
from fleet.config.hosted import find_services
from fleet.errors import Exit, FleetError, RemoteFailed, UsageError
from fleet.report import events as ev
from fleet.run.interrupt import on_signals
from fleet.run.log_lines import Entry, HostLog, Window
from fleet.run.log_script import FIRST, FIRST_FOLLOWED, Reading
from fleet.transport.base import ConnectionLost, HandTransport, Transport

READ_SECONDS = 600
FOLLOW_SECONDS = 30 * 86400
"""Time limits on the hosts."""

AGAIN = 3.0
"""Seconds until a lost connection is tried again."""

SETTLING = 1.0
"""Seconds after the last host has been connected to, in which the first lines of all are put in order."""

AHEAD = 1000
"""Lines of a host that are taken before those of others are there."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``since``: seconds back, or a time; ``lines`` of each container, 0: not given."""

    service: str = ""
    follow: bool = False
    since: float | datetime | None = None
    lines: int = 0
    grep: str = ""


def logs(session: Session, wanted: Wanted) -> Exit:
    """Until all is told, or with ``follow`` until ^C. Raises UsageError, ConfigError."""
    pattern = _pattern(wanted.grep)
    reading, several = _reading(session, wanted)
    session.emit(
        ev.CommandStarted(f"logs {wanted.service}".strip(), tuple(one.name for one in session.hosts))
    )
    with Connections(session) as connections, on_signals(session.interrupt, lambda _: None):
        hearing = _Hearing(session, connections, reading)
        with ThreadPoolExecutor(1, "logs") as pool:
            begun = pool.submit(connections.each, session.hosts, hearing.hear, lasting=True)
            begun.add_done_callback(lambda _: hearing.over())
            try:
                for entry in hearing.followed() if wanted.follow else hearing.merged():
                    if pattern.search(entry.line):
                        session.emit(_told(entry, service=several or session.options.json))
                    if not session.sinks:
                        break
            finally:
                interrupted = session.interrupt.asked.is_set()
                # Whoever has more to tell is not heard any more.
                session.interrupt.asked.set()
            begun.result()
        errors = {**connections.errors, **hearing.errors}
    if interrupted:
        return Exit.INTERRUPTED
    if errors:
        session.report.error(session.masked(told(errors)))
    elif not hearing.found:
        session.emit(ev.Note(f"no container of {wanted.service or 'any role'} on these hosts", "warning"))
    if errors and set(errors) == set(connections.errors):
        return Exit.UNREACHABLE
    return Exit.FAILED if errors else Exit.OK


def _reading(session: Session, wanted: Wanted) -> tuple[Reading, bool]:
    """Leaves in the session the hosts of what is wanted. Whether that may be several services."""
    found = find_services(session.options.root, session.inventory, wanted.service)
    keep(session, (name for one in found for name in one.hosts))
    if not session.hosts:
        raise UsageError(f"{wanted.service or 'no role'} is on none of these hosts")
    only = found[0] if len(found) == 1 and wanted.service else None
    first = FIRST_FOLLOWED if wanted.follow else FIRST
    lines = wanted.lines or (0 if wanted.since else first)
    reading = Reading(
        session.place,
        only.role if only else "",
        only.service if only else "",
        _since(wanted.since),
        str(lines or ""),
        wanted.follow,
        # What has no meaning in a pattern is looked for on the hosts.
        wanted.grep if re.escape(wanted.grep) == wanted.grep and not wanted.follow else "",
    )
    return reading, not (only and only.service) or only.replicated


def _told(entry: Entry, *, service: bool) -> ev.LogLine:
    named = entry.service if service else ""
    return ev.LogLine(entry.host, named, entry.container, entry.time, entry.line)


def _since(since: float | datetime | None) -> str:
    if isinstance(since, datetime):
        return since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f"{since:g}s" if since else ""


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(f"--grep {text}: {error}", hint="it is a regular expression of Python") from error


class _Hearing:
    """One thread per host puts its lines into a queue; the caller's takes them out."""

    def __init__(self, session: Session, connections: Connections, reading: Reading) -> None:
        self._session = session
        self._connections = connections
        self._reading = reading
        self._cancel = session.interrupt.asked
        names = [host.name for host in session.hosts]
        self._queues: dict[str, queue.Queue[Entry | None]] = {name: queue.Queue(AHEAD) for name in names}
        # Followed lines are put in order by a window, whoever they are of.
        self._all: queue.Queue[Entry | None] = queue.Queue(AHEAD * 10)
        self._silent = set(names)
        self._over = threading.Event()
        self.errors: dict[str, FleetError] = {}
        self.found = 0

    def over(self) -> None:
        """Nobody is heard any more."""
        self._over.set()

    def hear(self, name: str, transport: HandTransport) -> None:
        log = HostLog(name)
        try:
            try:
                self._run(log, transport, self._reading)
            except ConnectionLost as error:
                if not self._reading.follow:
                    raise
                self._again(log, error)
        except FleetError as error:
            self.errors[name] = error
        finally:
            self.found += len(log.begun)
            self._silent.discard(name)
            self._put(self._queues[name], None)

    def _again(self, log: HostLog, error: FleetError) -> None:
        """Follow on after a lost connection, as often as one is lost. Raises FleetError."""
        while not self._cancel.is_set():
            self._note(f"{log.host}: {error.what}; it is tried again")
            lost = time.monotonic()
            transport = self._reached(log.host)
            if transport is None:
                return
            self._note(f"{log.host}: connected again")
            log.anew()
            since = log.last or f"{time.monotonic() - lost:.0f}s"
            try:
                self._run(log, transport, replace(self._reading, since=since, lines=""))
            except ConnectionLost as again:
                error = again
            else:
                return

    def _reached(self, name: str) -> Transport | None:
        while not self._cancel.wait(AGAIN):
            try:
                return self._connections.one_more(name)
            except FleetError:
                continue
        return None

    def _run(self, log: HostLog, transport: Transport, reading: Reading) -> None:
        """Raises RemoteFailed, ConnectionLost."""
        said: deque[str] = deque(maxlen=5)
        target = self._all if reading.follow else self._queues[log.host]

        def line(stream: str, text: str) -> bool:
            if stream == "err":
                said.append(text)
                return False
            self._silent.discard(log.host)
            entry = log.take(text)
            if isinstance(entry, str):
                self._note(f"{log.host}: {entry}")
            return isinstance(entry, Entry) and not self._put(target, entry)

        limit = FOLLOW_SECONDS if reading.follow else READ_SECONDS
        result = transport.run(reading.script, timeout=limit, on_line=line, cancel=self._cancel)
        if not result.ok and not self._cancel.is_set():
            raise RemoteFailed("its logs cannot be read", why="\n".join(said) or result.ending(limit))

    def _put(self, target: queue.Queue[Entry | None], entry: Entry | None) -> bool:
        """Waits until it is wanted: nobody shall have to hold all that the hosts have. False: it never is."""
        while not self._cancel.is_set():
            try:
                target.put(entry, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def _note(self, text: str) -> None:
        self._session.emit(ev.Note(text, "warning"))

    def merged(self) -> Iterator[Entry]:
        """All of it, in the order of time."""
        return heapq.merge(*map(self._of, self._queues), key=lambda entry: entry.time)

    def _of(self, name: str) -> Iterator[Entry]:
        # A host that is not reached has no end, either: the others would wait for it.
        while not self._cancel.is_set() and name not in self._connections.errors:
            try:
                entry = self._queues[name].get(timeout=0.2)
            except queue.Empty:
                if self._over.is_set():
                    return
                continue
            if entry is None:
                return
            yield entry

    def followed(self) -> Iterator[Entry]:
        """As it comes, each moment in the order of time."""
        window = Window()
        settled = time.monotonic() + SETTLING
        while not self._cancel.is_set() and not (self._over.is_set() and self._all.empty()):
            if self._silent - set(self._connections.errors):
                settled = time.monotonic() + SETTLING
            try:
                entry = self._all.get(timeout=0.1)
            except queue.Empty:
                entry = None
            now = time.monotonic()
            if entry is not None:
                window.add(entry, now)
            if now >= settled:
                yield from window.due(now)
        yield from window.due(time.monotonic(), hold=0)
