"""Telling others of a run: the project's hooks, and whoever the inventory names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from fleet.app.custody import Custody
from fleet.app.session import Session
from fleet.config.notify import notifiers
from fleet.errors import Exit, FleetError
from fleet.model.notices import Moment, Notice
from fleet.notify.send import send
from fleet.plan.tree import Rollout
from fleet.report import events as ev
from fleet.run.hooks import HookFacts, Hooks

MOMENTS = {Exit.OK: Moment.SUCCEEDED, Exit.ROLLED_BACK: Moment.ROLLED_BACK}
WORDS = {Moment.SUCCEEDED: "good", Moment.ROLLED_BACK: "rolled-back", Moment.FAILED: "failed"}


class Announcer:
    """For one run; ``version`` as far as it is known before the first connection. What stands in ``hooks/``
    and in ``x-fleet.notify`` is checked here. Raises ConfigError, ConfigErrors."""

    def __init__(self, session: Session, custody: Custody, command: str, version: str) -> None:
        self._session = session
        self._hooks = Hooks(session.options.root, session.emit, session.interrupt.now)
        self._hooks.check()
        self._notifiers = notifiers(tuple(session.everyone.values()), session.options.root)
        session.unlock(ref for one in self._notifiers for ref in one.refs)
        self._facts = HookFacts(
            env=session.options.env,
            version=version,
            run=custody.run,
            command=command,
            who=custody.claim.who,
            hosts=tuple(host.name for host in session.hosts),
            roles=session.options.roles,
        )
        self._controller = custody.claim.controller

    def connecting(self) -> None:
        """Raises HookFailed."""
        self._hooks.run("pre-connect", self._facts)

    def begins(self, version: str, release: int, hosts: Sequence[str]) -> None:
        """Before the first change. Raises HookFailed, and FleetError for a required notifier."""
        self._facts = replace(self._facts, version=version, release=release, hosts=tuple(hosts))
        self._hooks.run("pre-deploy", self._facts)
        for error in self._tell(Moment.STARTED):
            raise error

    def before(self, rollout: Rollout, number: int, hosts: Sequence[str]) -> None:
        """Raises HookFailed: the batch shall not begin."""
        self._hooks.run("pre-batch", self._facts.of_batch(rollout, number, hosts))

    def after(self, rollout: Rollout, number: int, hosts: Sequence[str]) -> None:
        """Raises HookFailed: the batch counts as failed."""
        self._hooks.run("post-batch", self._facts.of_batch(rollout, number, hosts))

    def ended(self, code: Exit, text: str, why: str, seconds: float) -> list[FleetError]:
        """Answers those who had to be told and could not."""
        moment = MOMENTS.get(code, Moment.FAILED)
        facts = self._facts.ended(WORDS[moment], seconds, why)
        self._hooks.run("post-deploy" if code is Exit.OK else "on-failure", facts)
        return self._tell(moment, seconds, text, why)

    def _tell(self, moment: Moment, seconds: float = 0, outcome: str = "", why: str = "") -> list[FleetError]:
        facts = self._facts
        notice = Notice(
            event=moment,
            env=facts.env,
            version=facts.version,
            release=facts.release or 0,
            command=facts.command,
            who=facts.who,
            controller=self._controller,
            run=facts.run,
            hosts=facts.hosts,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=seconds,
            outcome=outcome,
            why=why,
        )
        failures = send(self._notifiers, notice, self._session.keyring, self._session.options.root)
        for failure in failures:
            if not failure.notifier.required:
                self._session.emit(ev.Note(str(failure), "warning"))
        return [failure.error() for failure in failures if failure.notifier.required]


def announcing(session: Session, custody: Custody, command: str, version: str = "") -> Announcer:
    """Before the first connection, when a run shall change something: the ledger may be the only one to know
    the version. Raises HookFailed, ConfigError, ConfigErrors."""
    announcer = Announcer(session, custody, command, version)
    if custody.changing:
        announcer.connecting()
    return announcer
