"""Snapshots leave the environment as archives, and come into it: ``inv volumes export`` and ``import``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.performing import carry_out
from fleet.app.session import Session
from fleet.app.snapshots import prepared
from fleet.config.restic import restic_access
from fleet.errors import Exit, FleetError, UsageError
from fleet.model.archives import Access, Address, address
from fleet.model.desired import Desired, Volume
from fleet.model.found import Facts
from fleet.model.refs import all_refs
from fleet.model.snapshots import Snapshot
from fleet.ops import archives as ops
from fleet.plan.archives import fetch
from fleet.plan.snapshots_kept import kept
from fleet.plan.volume_by_name import Named
from fleet.plan.volume_by_name import snapshot as taking
from fleet.plan.volumes import Volumes
from fleet.report import events as ev
from fleet.run.interrupt import on_signals
from fleet.run.volumes.archiving import Store, bring, from_file, from_store, to_file, to_store
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.part import refuse_existing
from fleet.run.volumes.preflight import size
from fleet.suggest import suggest

Confirm = Callable[[str], bool]


def export(session: Session, confirm: Confirm, name: str, file: str, id_: str) -> Exit:
    """Of the snapshot ``id_`` of the volume ``name``; without one, of one that is taken for it. Raises
    FleetError."""
    there = _address(file)
    if there and there.id:
        raise UsageError("restic numbers what it is given itself", hint=f"inv volumes export {name} {there}")
    if there is None:
        refuse_existing(Path(file))
    one = _One.of(session, name, there)
    with (
        Connections(session) as connections,
        Custody(session, connections, f"volumes export {name}") as custody,
    ):
        planned = fetch if id_ else taking
        desired, facts, plan = prepared(session, connections, custody, name, planned)
        if id_:
            _found(facts, one, id_)

        def may_begin() -> bool:
            return session.options.yes or confirm(f"There is no repository {there}. Make a new one?")

        def done() -> str:
            now = facts if id_ else connections.facts(desired, registries=None)
            snapshot = _found(now, one, id_)
            with _Working(session, connections, custody, desired, facts, one) as working:
                ground = working.ground(snapshot.name, reads=True)
                if there is None:
                    count = to_file(ground, snapshot, Path(file))
                    return f": snapshot {snapshot.id} of volume {name} is in {file} ({size(count)})"
                made = to_store(ground, snapshot, working.store, may_begin)
                return f": snapshot {snapshot.id} of volume {name} is in {there}#{made}"

        return carry_out(session, connections, custody, desired, plan, "export", done)


def import_(session: Session, name: str, file: str) -> Exit:
    """A snapshot of the volume ``name`` out of an archive; the volume itself is not touched. Raises
    FleetError."""
    there = _address(file)
    if there is None and not Path(file).is_file():
        raise UsageError(f"there is no file {file}")
    one = _One.of(session, name, there)
    with (
        Connections(session) as connections,
        Custody(session, connections, f"volumes import {name}") as custody,
    ):
        desired, facts, plan = prepared(session, connections, custody, name, fetch)

        def done() -> str:
            with _Working(session, connections, custody, desired, facts, one) as working:
                filled = from_store(working.store, one.volume.name) if there else from_file(Path(file))
                origin = str(there) if there else Path(file).name
                ground = working.ground(one.volume.name, reads=False)
                made = bring(ground, session.place, one.volume.name, one.volume.role, origin, filled)
            return (
                f": snapshot {made.id} is on {one.host}, and nothing else is changed. To put it in place: "
                f"inv volumes restore {name} --snapshot {made.id}"
            )

        return carry_out(session, connections, custody, desired, plan, "import", done)


@dataclass(frozen=True, slots=True)
class _One:
    """The volume on the one host of the run that has it."""

    host: str
    volume: Volume
    address: Address | None
    access: Access | None

    @classmethod
    def of(cls, session: Session, name: str, there: Address | None) -> _One:
        """Before anybody is connected to. Raises UsageError, ConfigError."""
        named = Named.of(session.desired(), name)
        for finding in named.missing():
            raise UsageError(finding.what, hint=finding.hint)
        if len(named.places) > 1:
            hosts = ", ".join(host for host, _ in named.places)
            raise UsageError(f"volume {name} is on {hosts}", hint="name one of them: --limit HOST")
        host, volume = named.places[0]
        access = restic_access(session.everyone[host]) if there else None
        if access:
            session.unlock(all_refs(access))
        return cls(host, volume, there, access)


class _Working:
    """Between the plan's end and the command's: ^C ends what is under way."""

    def __init__(
        self,
        session: Session,
        connections: Connections,
        custody: Custody,
        desired: Desired,
        facts: Facts,
        one: _One,
    ) -> None:
        self._session = session
        self._transport = connections.fenced(custody.tenure, session.place)[one.host]
        self._image = Volumes.of(desired, facts).pinned
        self._one = one
        self._signals = on_signals(session.interrupt, self._say)

    def __enter__(self) -> _Working:
        self._signals.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._signals.__exit__(None, None, None)

    def ground(self, held: str, *, reads: bool) -> Ground:
        one, session = self._one, self._session
        helper = ops.helper(one.volume.name, self._image, session.place, held, one.address, reads=reads)
        return Ground(
            one.host,
            helper,
            self._transport,
            session.emit,
            session.interrupt.asked,
            show=session.options.show_commands,
            step=f"{one.host}/archive",
        )

    @property
    def store(self) -> Store:
        one, keyring = self._one, self._session.keyring
        if one.address is None or one.access is None:
            raise AssertionError("asked for with an address only")
        there, access = one.address, one.access

        def given() -> bytes:
            """What sends the secrets: they are in memory only, here and there."""
            environment = {name: keyring.reveal(value) for name, value in access.environment.items()}
            fields = {
                "repository": ops.location(there),
                "environment": {**environment, "RESTIC_PASSWORD": keyring.reveal(access.password)},
                "key": keyring.reveal(access.key),
                "known_hosts": keyring.reveal(access.known_hosts),
            }
            return json.dumps(fields).encode()

        return Store(there, given)

    def _say(self, _: str) -> None:
        self._session.emit(ev.Note("interrupted: what was begun is removed again", "warning"))


def _address(file: str) -> Address | None:
    """Raises UsageError."""
    try:
        return address(file)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _found(facts: Facts, one: _One, id_: str) -> Snapshot:
    """The newest one without an ID. Raises FleetError."""
    there = kept(facts, one.host, one.volume.name)
    found = [snapshot for snapshot in there if not id_ or snapshot.id == id_]
    if not found:
        known = [snapshot.id for snapshot in there]
        raise FleetError(
            f"there is no snapshot {id_}{suggest(id_, known)}",
            hint=f"inv volumes list tells which there are: {', '.join(known) or 'none'}",
            host=one.host,
        )
    return found[-1]
