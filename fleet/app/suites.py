"""A role's tests: where they are, what they may know of a host, and what they get to know when they ask."""

from __future__ import annotations

import functools
import importlib.util
import os
import threading
from collections.abc import Iterable
from typing import Any

from fleet.app.session import Session
from fleet.config.roles.source import is_role, load_role
from fleet.config.roles.suites import has_tests, tests_dir
from fleet.config.roles.variables import HostVariables
from fleet.errors import FleetError
from fleet.model.refs import all_refs
from fleet.run.role_tests import RoleTests
from fleet.run.suite import Suite
from fleet.secret import SealedText, SecretRef
from fleet.suggest import suggest

NEEDED = ("pytest", "testinfra")


def tested_roles(session: Session) -> tuple[str, ...]:
    """Roles of the run that have tests. Raises FleetError when what runs them is not installed."""
    ours = {group for host in session.hosts for group in host.groups}
    chosen = session.options.roles
    roles = [name for name in session.inventory.groups if name in ours and (not chosen or name in chosen)]
    found = tuple(name for name in roles if has_tests(session.options.root, name))
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if found and missing:
        raise FleetError(
            f"roles/{found[0]}/tests cannot be run: {' and '.join(missing)} is not installed here",
            why="a role's tests are a part of its gate",
            hint="pip install 'fleet-deploy[verify]', into the Python that runs Fleet",
        )
    return found


def tests_of(session: Session, version: str, refs: Iterable[SecretRef]) -> RoleTests:
    """``version`` is what the hosts shall run; ``refs``: secrets of theirs that inventory and defaults do not
    tell of."""
    return RoleTests(_Suites(session, version, refs).suite)


class _Suites:
    def __init__(self, session: Session, version: str, refs: Iterable[SecretRef]) -> None:
        self._session = session
        self._unlocking = threading.Lock()
        self._version = version
        self._variables = HostVariables(session.inventory, version)
        self._source = functools.cache(functools.partial(load_role, session.options.root))
        root, inventory = session.options.root, session.inventory
        defaults = (self._source(name).defaults for name in inventory.groups if is_role(root, name))
        known = all_refs(tuple(refs), *defaults, *(host.vars for host in inventory.hosts.values()))
        hidden = {ref.name for ref in known if ref.provider == "env"}
        self._environ = {name: value for name, value in os.environ.items() if name not in hidden}

    def suite(self, role: str, host: str) -> Suite:
        session = self._session
        return Suite(
            host=host,
            role=role,
            root=session.options.root.resolve(),
            directory=tests_dir(session.options.root, role).resolve(),
            place=session.place,
            facts={
                "host": host,
                "role": role,
                "env": session.options.env,
                "project": session.project.name,
                "version": self._version,
                "groups": session.everyone[host].groups,
            },
            look_up=functools.partial(self._look_up, role, host),
            environ=self._environ,
        )

    def _look_up(self, role: str, host: str, kind: str, name: str) -> Any:
        """Raises FleetError: there is no such variable, its template fails, or it is a secret."""
        source = self._source(role)
        variables = self._variables.in_role(self._session.inventory.hosts[host], source)
        if name not in variables:
            raise FleetError(f"{host} has no variable {name!r}{suggest(name, variables)}")
        value = source.renderer.lookup(name, variables)
        if kind == "secret":
            return self._revealed(name, value)
        if all_refs(value):
            raise FleetError(f"{name} is a secret, or holds one", hint=f'ask for it: fleet.secret("{name}")')
        return value

    def _revealed(self, name: str, value: Any) -> str:
        if not isinstance(value, SealedText):
            raise FleetError(f"{name} is no secret", hint=f'fleet.var("{name}")')
        with self._unlocking:
            self._session.unlock(value.refs)
        return self._session.keyring.reveal(value)
