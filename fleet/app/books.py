"""What one run writes into the ledger, and the copies of it that its hosts keep."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.session import Session
from fleet.app.told import told
from fleet.errors import Fenced, FleetError
from fleet.ledger.copies import copy_entry_script, copying
from fleet.model.releases import Entry, Head, JobRun, Outcome, Record, Release, drained, homes
from fleet.report import events as ev
from fleet.run.perform import failure
from fleet.secret import Text

COPY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Commit:
    """The git commit that a run was made from; empty outside of a repository."""

    sha: str = ""
    dirty: bool = False

    @classmethod
    def of(cls, root: Path) -> Commit:
        sha = _git(root, "rev-parse", "HEAD")
        return cls(sha, bool(sha and _git(root, "status", "--porcelain")))


class Books:
    """One release while it is made. ``record.head.number`` is 0 until :meth:`open` has written it, or the
    number of the release that goes on."""

    def __init__(self, session: Session, connections: Connections, custody: Custody, record: Record) -> None:
        self._session = session
        self._connections = connections
        self._custody = custody
        known = (one for one in custody.history.releases if one.number == record.head.number)
        self._entries = list(next((one.entries for one in known), ()))
        self.record = record

    @property
    def number(self) -> int:
        return self.record.head.number

    @property
    def releases(self) -> tuple[Release, ...]:
        """The history, this release as far as it has come included."""
        before = [one for one in self._custody.history.releases if one.number != self.number]
        return (*before, Release(self.record.head, tuple(self._entries)))

    @property
    def _keepers(self) -> tuple[str, ...]:
        """Hosts that keep a copy: those of the release, and those that a later run brings up to it."""
        return tuple(dict.fromkeys([*self.record.head.hosts, *(host.name for host in self._session.hosts)]))

    def open(self, *, repair: bool = False) -> None:
        """Write the release as running, before anything is changed, here and on every host of the run; one
        that is known goes on. ``repair``: of a good release, which stays good. Raises LedgerError, Fenced,
        and what a host answers that cannot keep its copy."""
        custody = self._custody
        begun = self.entry(None if repair else Outcome.RUNNING)
        if out := drained(custody.history.releases):
            # Old releases are forgotten one day; that a host is kept out of traffic is not, and where data
            # lives is not.
            begun = replace(begun, drained=out)
        if known := homes(custody.history.releases):
            begun = replace(begun, volumes=known)
        if self.number:
            if not repair:
                self._add(begun)
        else:
            for release in custody.history.releases[-1:]:
                if release.outcome in {Outcome.RUNNING, Outcome.TRIAL}:
                    given_up = replace(
                        begun, outcome=Outcome.SUPERSEDED, why=f"run {self._custody.run} began"
                    )
                    custody.store.add(custody.tenure.lease, release.number, given_up)
            head = custody.store.begin(custody.tenure.lease, self.record, begun)
            self.record = replace(self.record, head=head)
            self._entries = [begun]
        errors = self.spread(self._keepers)
        for error in errors.values():
            if isinstance(error, Fenced):
                raise error
        if errors:
            outcome = None if repair else Outcome.FAILED
            self.tell(replace(begun, outcome=outcome, why="copies could not be written"), errors)
            what = "hosts cannot keep a copy of the release; nothing was changed"
            raise FleetError(what, why=told(errors))

    def job(self, run: JobRun) -> None:
        """A job has ended well: that must never be forgotten, also when the ledger is made anew."""
        self.tell(self.entry(None, job=run))

    def tell(self, entry: Entry, without: Container[str] = ()) -> None:
        """One more entry. The ledger must have it; a host that misses it is only told of. Hosts
        ``without`` a copy are left out. Raises LedgerError, Fenced."""
        self._add(entry)
        number, index, last = self.number, len(self._entries), self._entries[-1]
        script = copy_entry_script(self._session.place, number, index, last)
        keeping = [name for name in self._keepers if name not in without]
        errors = self._everywhere(keeping, lambda host: script)
        if errors:
            text = f"copies of release {number} are not complete:\n{told(errors)}"
            self._session.emit(ev.Note(text, "warning"))

    def entry(self, outcome: Outcome | None, **fields: object) -> Entry:
        return Entry(_now(), self._custody.run, self._custody.claim.who, outcome, **fields)  # type: ignore[arg-type]

    def spread(self, hosts: Iterable[str]) -> Mapping[str, FleetError]:
        """A copy of this release for each of ``hosts``; the errors of those that could not take it."""
        return self._everywhere(hosts, copying(self._session.place, self.record, self._entries))

    def _add(self, entry: Entry) -> None:
        custody = self._custody
        masked = replace(entry, why=self._session.masked(entry.why))
        if entry.job:
            masked = replace(masked, job=replace(entry.job, output=self._session.masked(entry.job.output)))
        lease, number = custody.tenure.lease, self.number
        custody.patiently(lambda store: store.add(lease, number, masked))
        self._entries.append(masked)

    def _everywhere(self, hosts: Iterable[str], script: Callable[[str], Text]) -> dict[str, FleetError]:
        transports = self._connections.fenced(self._custody.tenure, self._session.place)
        there = [name for name in hosts if name in transports]

        def one(name: str) -> FleetError | None:
            try:
                result = transports[name].run(script(name), timeout=COPY_SECONDS)
                if not result.ok:
                    raise failure("keep a copy of the release", result, COPY_SECONDS)
            except FleetError as error:
                return error
            return None

        with ThreadPoolExecutor(max(1, min(self._session.parallel, len(there)))) as pool:
            answers = dict(zip(there, pool.map(one, there), strict=True))
        return {name: error for name, error in answers.items() if error}


def head(session: Session, custody: Custody, command: str, of: int = 0) -> Head:
    """Who does what, from which commit, with which Fleet; the number comes from the ledger."""
    options, commit = session.options, Commit.of(session.options.root)
    claim = custody.claim
    return Head(
        number=0,
        env=options.env,
        version=options.version,
        at=_now(),
        who=claim.who,
        controller=claim.controller,
        run=custody.run,
        command=command,
        of=of,
        commit=commit.sha,
        dirty=commit.dirty,
        tool=version("fleet-deploy"),
        hosts=tuple(host.name for host in session.hosts),
        roles=options.roles,
        ledger=custody.host,
        limited=bool(options.limit or options.roles),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 — fixed words
            ["git", "-C", str(root), *words],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
