"""One change of an environment: planned, shown, agreed to, recorded, carried out, closed.

Deploy, rollback, resume and converge differ in what they want. What becomes of it is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from fleet.app.announce import Announcer
from fleet.app.books import Books, head
from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.reach import require_ledger
from fleet.app.refs import unlock_earlier
from fleet.app.remembered import remembered
from fleet.app.rollout import Ended, Run
from fleet.app.session import Session
from fleet.app.tag import tag
from fleet.app.wanted import Wanted
from fleet.errors import Exit, FleetError, LedgerError
from fleet.model.desired import Desired
from fleet.model.found import Facts, HostRelease
from fleet.model.releases import (
    Head,
    Outcome,
    Record,
    Release,
    current,
    heard,
    homes,
    left_behind,
)
from fleet.ops.effects import RegistryAuth
from fleet.plan.build import plan as build
from fleet.plan.homes import Homes, had
from fleet.plan.homes import homes as where
from fleet.plan.recorded import recorded
from fleet.plan.tree import Finding
from fleet.report import events as ev
from fleet.report.names import fold
from fleet.report.plan_text import plan_lines
from fleet.run.executor import Ending
from fleet.run.journal import Journal

Confirm = Callable[[str], bool]


def gathered(
    session: Session,
    connections: Connections,
    custody: Custody,
    desired: Desired,
    registries: Mapping[str, RegistryAuth],
    digests: Mapping[str, str] | None = None,
    *,
    asked: bool = False,
) -> Facts:
    """Facts, with the lease secured: in the same call, unless it was ``asked`` for before. Raises Unreached,
    LedgerError, Locked. A login that failed is told before a lock."""
    first = None if asked else custody.first()
    facts = connections.facts(desired, registries, digests, first)
    require_ledger(session, connections)
    connections.require_all()
    if not asked and custody.secure():
        facts = connections.facts(desired, registries, digests)
        connections.require_all()
    keeper(session, custody, facts)
    return facts


def keeper(session: Session, custody: Custody, facts: Facts) -> None:
    """Raises LedgerError when the hosts have seen a newer release than this ledger: it is not the one."""
    if not custody.changing:
        return  # without the lease a release may have begun between the two looks
    newest = max((release.number for release in custody.history.releases), default=0)
    for name, host in facts.hosts.items():
        seen = host.release
        if isinstance(seen, HostRelease) and seen.number > newest:
            env = session.options.env
            here = f"ends with release {newest}" if newest else "is empty"
            there = f"{name} has release {seen.number} ({seen.version}), kept by {seen.ledger}"
            raise LedgerError(
                f"{custody.host} does not keep the whole ledger of {env}; nothing was changed",
                why=f"it {here}, and {there}",
                hint=f"if the ledger is on {seen.ledger}: set fleet_ledger: {seen.ledger}, or --ledger "
                f"{seen.ledger}; if it is lost: inv releases --env {env} --rebuild --ledger {custody.host}",
            )


class Change:
    """Over open connections, with the facts gathered and the lease asked for."""

    def __init__(
        self,
        session: Session,
        connections: Connections,
        custody: Custody,
        registries: Mapping[str, RegistryAuth],
        announcer: Announcer,
        wanted: Wanted,
        facts: Facts,
    ) -> None:
        self.undecided = False
        self._announcer = announcer
        self._session = session
        self._connections = connections
        self._custody = custody
        self._registries = registries
        self.wanted = wanted
        known = replace(remembered(facts, custody.history.releases), had=self._had())
        self.facts = connections.with_helper(wanted.desired, known, registries)
        self.plan = build(wanted.desired, self.facts, registries, spared=wanted.spared)
        self.add(wanted.notes)

    def add(self, notes: Iterable[Finding]) -> None:
        """More to be told with the plan."""
        self.plan = replace(self.plan, findings=(*self.plan.findings, *notes))

    def show(self) -> None:
        session = self._session
        for text in self._custody.history.damaged:
            session.emit(ev.Note(f"the ledger is damaged: {text}", "warning"))
        lines = list(plan_lines(self.plan, diff=session.options.diff))
        for line in lines:
            session.show(line)
        if session.options.json:
            session.emit(ev.Planned(tuple(line.text for line in lines)))

    def refuse(self) -> None:
        """Raises FleetError when the linter found an error; each has been shown with the plan."""
        if self.plan.errors:
            causes = dict.fromkeys(finding.what for finding in self.plan.errors)
            raise FleetError(
                f"the plan cannot run; nothing was changed: {next(iter(causes))}"
                + (f" (and {len(causes) - 1} more, see above)" if len(causes) > 1 else "")
            )

    def go(self, confirm: Confirm) -> Exit:
        """What was shown is done, when the operator agrees."""
        session = self._session
        if self.plan.empty:
            if not session.options.check:
                self._found_done()
            return Exit.OK
        if session.options.check:
            return Exit.CHANGES
        earlier = self._earlier()
        back = unlock_earlier(session, earlier) if earlier and not self._repairs else None
        if not session.options.yes and not confirm(f"Do this to {session.options.env}?"):
            session.emit(ev.Note("nothing was changed"))
            return Exit.FAILED
        return self._run(earlier, back)

    @property
    def _repairs(self) -> bool:
        """The release is good and stays so, whatever becomes of this run."""
        return self.wanted.goes_on is not None and self.wanted.goes_on.outcome is Outcome.GOOD

    def _run(self, earlier: Record | None, back: Desired | None) -> Exit:
        session, custody = self._session, self._custody
        books = self._books(earlier)
        journal = Journal(session.options.root, custody.run)
        session.sinks.append(journal)
        lines = (line.text for line in plan_lines(self.plan, diff=True))
        journal.save("plan.txt", session.masked("\n".join(lines) + "\n"))
        try:
            books.open(repair=self._repairs)
            self._begin(books)
            run = Run(
                session,
                self._connections,
                self._registries,
                journal,
                custody.tenure,
                books,
                self._announcer,
                back,
            )
            ended = run.carry_out(self.wanted, self.facts, self.plan)
            return self._finish(books, earlier, ended)
        finally:
            session.sinks[:] = [sink for sink in session.sinks if sink is not journal]
            journal.close()

    def _begin(self, books: Books) -> None:
        """Hooks and notifiers may object; then the release ends as one that failed. Raises FleetError."""
        try:
            self._announcer.begins(self.wanted.desired.version, books.number, self.plan.hosts)
        except FleetError as error:
            books.tell(books.entry(None if self._repairs else Outcome.FAILED, why=error.what))
            raise

    def _finish(self, books: Books, earlier: Record | None, ended: Ended) -> Exit:
        """The ledger knows before the operator is told."""
        code, text, hint = ended.code, ended.text, ended.hint
        missing = self._not_yet() if code is Exit.OK else ""
        if missing:
            text, hint = (
                f"{text}; {missing}",
                f"inv deploy --env {self._session.options.env} --resume goes on",
            )
        failed = tuple(ended.outcome.errors)
        if self.wanted.skipped and code is Exit.OK:
            text = f"{text}; left behind: {fold(self.wanted.skipped)}"
            hint = f"when they are back: inv converge --env {self._session.options.env}"
        outcome = {Exit.OK: self._end, Exit.ROLLED_BACK: Outcome.ROLLED_BACK}.get(code, Outcome.FAILED)
        if outcome is Outcome.TRIAL:
            text, hint = self._on_trial(ended)
        entry = books.entry(
            None if self._repairs else Outcome.FAILED if missing else outcome,
            seconds=round(ended.seconds, 1),
            why=missing if code is Exit.OK else ended.outcome.why,
            hosts=tuple(host.name for host in self._session.hosts),
            failed=failed,
            behind=(*self.wanted.skipped, *(failed if self._repairs else ())),
            volumes=self._homes(ended.facts),
        )
        try:
            # A lost lease is another's: what became of this release is theirs to write.
            if code is not Exit.LOCKED:
                books.tell(entry)
            if outcome is Outcome.ROLLED_BACK and earlier:
                Books(self._session, self._connections, self._custody, earlier).spread(ended.outcome.touched)
        except FleetError as error:
            code = code or error.code
            text = f"{text}; but the ledger could not be told: {error.what}"
            hint = f"{error.hint or 'look at the ledger host'}, then inv deploy --resume closes the release"
        if outcome is Outcome.GOOD and not missing and self._session.options.tag:
            why = tag(self._session.options.root, books.record.head)
            if why:
                self._session.emit(ev.Note(f"the commit was not tagged: {why}", "warning"))
        for missed in self._announcer.ended(code, text, ended.outcome.why, round(ended.seconds, 1)):
            self._session.emit(ev.Note(str(missed), "error"))
            code = code or Exit.FAILED
        self._session.emit(ev.RunFinished(text, code is Exit.OK, ended.seconds, ended.state, hint))
        return code

    @property
    def _end(self) -> Outcome:
        """What the release is when all went well."""
        return Outcome.TRIAL if self.plan.trial else self.wanted.ends

    def _on_trial(self, ended: Ended) -> tuple[str, str]:
        env, version = self._session.options.env, self.wanted.desired.version
        text = f"{version} is on trial in {env}, beside what ran before: {', '.join(self.plan.trial)}"
        if ended.outcome.ending is Ending.UNDECIDED:
            self.undecided = True
            text = f"{text}; {ended.outcome.why}"
        return text, f"inv promote --env {env} goes on with it, inv abort --env {env} takes it back"

    def _not_yet(self) -> str:
        """Which hosts of the release have not got it, of those that this run has left out."""
        known = tuple(state for state in self.wanted.rest if state.host in self.facts.hosts)
        wish = replace(self.wanted.desired, hosts=known, watched=True)
        open_ = set(build(wish, self.facts).hosts) if known else set()
        hosts = [one.host for one in self.wanted.rest if one.host in open_ or one not in known]
        return f"not on {fold(hosts)} yet" if hosts else ""

    def _earlier(self) -> Record | None:
        """The release before this one, which a failed run goes back to."""
        releases = self._custody.history.releases
        goes_on = self.wanted.goes_on
        before = [one for one in releases if goes_on is None or one.number < goes_on.number]
        good = [one for one in before if one.outcome is Outcome.GOOD]
        return self._custody.store.record(good[-1].number) if good else None

    def _had(self) -> dict[str, tuple[str, ...]]:
        """Of hosts that were in no run since there are marks, the last good release tells where data should
        be."""
        wanted = any(volume.of_host for state in self.wanted.desired.hosts for volume in state.volumes)
        earlier = self._earlier() if wanted else None
        if earlier is None:
            return {}
        known = heard(self._custody.history.releases)
        found = had(earlier.desired).items()
        return {name: tuple(host for host in hosts if host not in known) for name, hosts in found}

    def _books(self, earlier: Record | None) -> Books:
        custody, wanted = self._custody, self.wanted
        if wanted.goes_on:
            record = custody.store.record(wanted.goes_on.number)
        else:
            made = recorded(wanted.whole, self.facts, earlier.desired if earlier else None)
            sources = {**(earlier.sources if earlier else {}), **wanted.sources}
            made_here = self._head()
            if earlier and made_here.limited:
                # What is carried over comes from the commits of the release before.
                before = (earlier.head.commit, *earlier.head.commits)
                made_here = replace(made_here, commits=tuple(dict.fromkeys(filter(None, before))))
            record = Record(made_here, made, sources, self.facts.fingerprints)
        return Books(self._session, self._connections, custody, record)

    def _head(self) -> Head:
        made = head(self._session, self._custody, self.wanted.command, self.wanted.of)
        # What a rollback brings back comes from that release's commit, and not from today's.
        origin = self.wanted.origin or made
        version = self.wanted.desired.version
        return replace(made, version=version, commit=origin.commit, dirty=origin.dirty)

    def _found_done(self) -> None:
        """Nothing has to be done on the hosts. The history must say so, too: of a release that was cut off
        after its last step, of a version that changes nothing, of a fleet that had no ledger so far."""
        releases = self._custody.history.releases
        now, made = current(releases), self._head()
        hosts = tuple(host.name for host in self._session.hosts)
        caught_up = set(left_behind(releases)) & set(hosts)
        unfinished = now is not None and (now.outcome is not Outcome.GOOD or bool(caught_up))
        if self._not_yet():
            return
        books = None
        if self.wanted.goes_on:
            books = self._books(None) if unfinished else None
        elif now and unfinished and self._same(now):
            record = self._custody.store.record(now.number)
            books = Books(self._session, self._connections, self._custody, record)
        elif unfinished or now is None or now.head.version != made.version:
            books = self._books(self._earlier())
        volumes = self._homes(self.facts)
        if books:
            books.open(repair=bool(books.number and now and now.outcome is Outcome.GOOD))
            why = "found complete" if unfinished else "the hosts were as wanted"
            entry = books.entry(self._end, why=why, hosts=hosts, behind=self.wanted.skipped, volumes=volumes)
            books.tell(entry)
        elif volumes is not None and now:
            record = self._custody.store.record(now.number)
            books = Books(self._session, self._connections, self._custody, record)
            books.tell(books.entry(None, volumes=volumes))

    def _homes(self, seen: Facts) -> Homes | None:
        """Where the data of volumes lives now, when that is news."""
        before = homes(self._custody.history.releases)
        now = where(before, self.wanted.desired, seen)
        return None if now == before else now

    def _same(self, release: Release) -> bool:
        """Is what this run wants that release, and not only called like it?"""
        earlier = self._earlier()
        made = recorded(self.wanted.whole, self.facts, earlier.desired if earlier else None)
        return self._custody.store.record(release.number).desired == made
