"""The tests of roles on their hosts, whenever somebody wants to know."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from fleet.app.connections import Connections
from fleet.app.ending import conclude
from fleet.app.history import newest
from fleet.app.session import Session
from fleet.app.suites import tested_roles, tests_of
from fleet.errors import Exit, FleetError, UsageError
from fleet.model.refs import all_refs
from fleet.report import events as ev
from fleet.run.role_tests import RoleTests, counted
from fleet.secret import SecretRef
from fleet.transport.base import HandTransport

ENDING = "interrupted: the tests are ended"


def verify(session: Session) -> Exit:
    """Nothing is changed, but for what the tests do. Hosts that cannot be reached fail alone."""
    began = time.monotonic()
    roles = tested_roles(session)
    session.hosts = tuple(host for host in session.hosts if set(host.groups) & set(roles))
    if not roles:
        raise UsageError(
            "no role of these hosts has tests", hint="write one: roles/ROLE/tests/test_….py (docs/verify.md)"
        )
    refs = all_refs(session.desired(), session.registries())
    _mask(session, refs)
    names = [host.name for host in session.hosts]
    session.emit(ev.CommandStarted(f"tests of {', '.join(roles)}", tuple(names)))
    with Connections(session) as connections:
        work = _Work(session, roles, tests_of(session, _version(session), refs))
        with session.interruptible(ENDING):
            connections.each(session.hosts, work.run)
        lost = {**connections.errors, **work.lost}
        unreached = dict(connections.errors)
    for same in folded(sorted(work.results, key=lambda one: names.index(one.host))):
        session.emit(same)
    causes = {name: error.what for name, error in lost.items()} | work.failed
    return conclude(session, began, lost, causes, unreached)


def _mask(session: Session, refs: Iterable[SecretRef]) -> None:
    """A test may print what it has read on a host. Where not all is to be had, the tests run all the same."""
    try:
        session.unlock(refs)
    except FleetError as error:
        what = "not all secrets can be had here: one that a test prints is not masked"
        session.emit(ev.Note(f"{what}\n{error}", "warning"))


def _version(session: Session) -> str:
    """Of the release that the hosts are at; nothing where the ledger does not tell."""
    try:
        release = newest(session)
    except FleetError as error:
        session.emit(ev.Note(f"the tests are not told the version: {error.what}", "warning"))
        return ""
    return release.head.version if release else ""


class _Work:
    """``failed``: hosts whose tests failed, and how; ``lost``: those where that is not known."""

    def __init__(self, session: Session, roles: Sequence[str], tests: RoleTests) -> None:
        self._session = session
        self._roles = roles
        self._tests = tests
        self.results: list[ev.Tested] = []
        self.failed: dict[str, str] = {}
        self.lost: dict[str, FleetError] = {}

    def run(self, name: str, transport: HandTransport) -> None:
        try:
            for role in self._roles:
                if role in self._session.everyone[name].groups:
                    self._role(name, role, transport)
        except FleetError as error:
            error.host = error.host or name
            self.lost[name] = error

    def _role(self, name: str, role: str, transport: HandTransport) -> None:
        emit, step, text = self._session.emit, f"{name}/tests:{role}", f"tests of {role}"
        emit(ev.StepStarted(name, step, text))
        began = time.monotonic()
        try:
            tried = self._tests.run(role, transport, self._session.interrupt.asked)
        except FleetError as error:
            emit(ev.StepFailed(name, step, text, error.what, error.why, error.hint, time.monotonic() - began))
            raise
        for result in tried.results:
            emit(result)
        self.results += tried.results
        took, said = time.monotonic() - began, counted(tried)
        if tried.failed:
            before = self.failed.get(name)
            self.failed[name] = f"{before}; {role}: {said}" if before else f"{role}: {said}"
            emit(ev.StepFailed(name, step, text, said, "", "", took))
        else:
            emit(ev.StepFinished(name, step, f"{text}: {said}", took))


def folded(results: Sequence[ev.Tested]) -> Iterator[ev.SameTest]:
    """In the order of roles and tests; a test that ended differently stands once for each way."""
    groups: dict[tuple[str, str, str, str, str], list[str]] = {}
    tests = dict.fromkeys((one.role, one.test) for one in results)
    for role, test in tests:
        for one in results:
            if (one.role, one.test) == (role, test):
                at = one.at if one.outcome == "failed" else ""
                groups.setdefault((role, test, at, one.outcome, one.why), []).append(one.host)
    for (role, test, at, outcome, why), hosts in groups.items():
        yield ev.SameTest(tuple(hosts), role, test, at, outcome, why)
