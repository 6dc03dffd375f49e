"""One command's view of one environment: what was read, whom we are connected to, where we report."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Protocol

from fleet.app.options import Options
from fleet.app.told import told
from fleet.config.inventory import limit, load_inventory
from fleet.config.project import Project, load_desired, open_project, rendered_hosts
from fleet.config.settings import parallel, registries
from fleet.errors import FleetError, Unreachable
from fleet.model.desired import Desired
from fleet.model.found import Facts
from fleet.model.hosts import Host, Inventory
from fleet.ops.effects import RegistryAuth
from fleet.report import events as ev
from fleet.report.plan_text import Line
from fleet.report.redact import Redactor
from fleet.run.gather import gather
from fleet.run.interrupt import Interrupt
from fleet.secret import Keyring, SecretRef
from fleet.secrets import resolve
from fleet.transport.base import Transport
from fleet.transport.connect import Connector
from fleet.transport.endpoint import Endpoint, endpoint_of


class Report(Protocol):
    """What a command tells, and to whom: a terminal, a pipe, or a machine."""

    def __call__(self, event: ev.Event) -> None: ...

    def line(self, line: Line) -> None: ...

    def error(self, text: str) -> None: ...

    def table(self, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None: ...

    def record(self, record: dict[str, Any]) -> None:
        """A value for machines; people get a table."""

    def close(self) -> None: ...


@dataclass(slots=True)
class Session:
    """Read once, before the first connection; every error of the files is known here."""

    options: Options
    report: Report
    keyring: Keyring
    inventory: Inventory
    project: Project
    hosts: tuple[Host, ...]
    """Those of the run."""
    everyone: Mapping[str, Host]
    interrupt: Interrupt = field(default_factory=Interrupt)
    sinks: list[ev.Emit] = field(default_factory=list)

    @classmethod
    def open(cls, options: Options, report: Report, keyring: Keyring) -> Session:
        """Raises ConfigErrors, UsageError (a limit that means no host)."""
        inventory = load_inventory(options.root, options.env)
        chosen = limit(inventory, options.limit or None)
        rendered = rendered_hosts(inventory, options.version)
        return cls(
            options,
            report,
            keyring,
            inventory,
            open_project(options.root, inventory),
            tuple(rendered[host.name] for host in chosen),
            rendered,
            sinks=[report],
        )

    def emit(self, event: ev.Event) -> None:
        """Tell every reader; no secret passes. One that cannot take it any more (a pager that was left, a
        full disk) is told no further: the run goes on."""
        masked = Redactor(self.keyring).event(event)
        for sink in tuple(self.sinks):
            with self._hearing(sink):
                sink(masked)

    @contextlib.contextmanager
    def _hearing(self, sink: ev.Emit) -> Iterator[None]:
        try:
            yield
        # Rich answers a closed pipe by leaving the program.
        except (OSError, SystemExit) as error:
            if sink not in self.sinks:
                return
            self.sinks.remove(sink)
            what = "the output" if sink is self.report else "the journal"
            why = "it was closed" if isinstance(error, (BrokenPipeError, SystemExit)) else error
            with contextlib.suppress(OSError, SystemExit):
                self.report.error(f"{what} cannot be written any more: {why}; the run goes on")

    def show(self, line: Line) -> None:
        """Prose for people."""
        if self.report in self.sinks:
            with self._hearing(self.report):
                self.report.line(replace(line, text=self.masked(line.text)))

    def masked(self, text: str) -> str:
        return self.keyring.redact(text)

    def desired(self) -> Desired:
        """Everything the roles say, rendered for every host of the run. Raises ConfigErrors."""
        options = self.options
        desired = load_desired(
            self.project, self.inventory, self.hosts, options.version, roles=options.roles or None
        )
        return replace(desired, selected=options.roles, remove_orphans=options.remove_orphans)

    def witnesses(self, desired: Desired) -> tuple[Host, ...]:
        """Hosts outside of the run whose health counts: those of its roles that keep a minimum."""
        run = {state.host for state in desired.hosts}
        roles = (role for role in desired.roles if role.min_healthy and run & set(role.hosts))
        names = dict.fromkeys(name for role in roles for name in role.hosts if name not in run)
        return tuple(self.everyone[name] for name in names)

    def registries(self) -> Mapping[str, RegistryAuth]:
        return registries(self.hosts)

    def unlock(self, refs: Iterable[SecretRef]) -> None:
        """Resolve what is not resolved yet; from here on every report masks the values."""
        known = set(self.keyring)
        missing = [ref for ref in dict.fromkeys(refs) if ref not in known]
        self.keyring.learn(resolve(missing, self.options.root, os.environ))

    @property
    def parallel(self) -> int:
        return self.options.parallel or parallel(self.hosts)


class Connections:
    """Open connections to hosts of the session, by name; ``errors`` of those that cannot be reached."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connector = Connector(
            session.keyring,
            known_hosts=[session.options.root / "inventories" / session.options.env / "known_hosts"],
        )
        self.transports: dict[str, Transport] = {}
        self.errors: dict[str, FleetError] = {}

    def __enter__(self) -> Connections:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for transport in self.transports.values():
            transport.close()
        self._connector.close()

    def open(self, hosts: Iterable[Host]) -> None:
        """All that can be reached; the others are told apart in ``errors``."""
        endpoints = [self._endpoint(host) for host in hosts if host.name not in self.transports]
        for name, result in self._connector.connect_all(endpoints, self._session.parallel).items():
            if isinstance(result, Unreachable):
                result.host = result.host or name
                self.errors[name] = result
            else:
                self.transports[name] = result
                self.errors.pop(name, None)

    def _endpoint(self, host: Host) -> Endpoint:
        """A key file is named relative to the project, from wherever the command is given."""
        endpoint = endpoint_of(host)
        if endpoint.key_file and not endpoint.key_file.startswith("~"):
            endpoint = replace(endpoint, key_file=str(self._session.options.root / endpoint.key_file))
        return endpoint

    def witness(self, hosts: Iterable[Host]) -> None:
        """Connect to hosts that only bear witness: one that does not answer is not healthy, no more."""
        names = [host.name for host in hosts]
        self.open(hosts)
        for name in names:
            if error := self.errors.pop(name, None):
                self._session.emit(ev.Note(f"{name} counts as not healthy: {error.what}", "warning"))

    def again(self, names: Iterable[str]) -> None:
        """Fresh connections: after a failure nobody knows which of the old ones still live."""
        wanted = set(names)
        for name in wanted & set(self.transports):
            self.transports.pop(name).close()
        self.open(host for name, host in self._session.everyone.items() if name in wanted)

    def facts(
        self,
        desired: Desired,
        registries: Mapping[str, RegistryAuth] | None,
        digests: Mapping[str, str] | None = None,
    ) -> Facts:
        """Facts of every connected host of ``desired``. Hosts that fail meanwhile go to ``errors``."""
        session = self._session
        bystanders = {one.name for one in session.witnesses(desired)}
        wanted = {state.host for state in desired.hosts} | bystanders
        transports = {name: one for name, one in self.transports.items() if name in wanted}
        found = gather(
            desired, transports, session.keyring, registries, session.parallel, digests, session.emit
        )
        self.errors.update({name: error for name, error in found.errors.items() if name not in bystanders})
        return found.facts

    def require_all(self) -> None:
        """Raises Unreachable naming every host that did not answer; nothing was changed so far."""
        if self.errors:
            raise Unreached(self.errors)


FEW = 5


class Unreached(Unreachable):
    """All hosts that did not answer, each with its own cause."""

    def __init__(self, errors: Mapping[str, FleetError]) -> None:
        count = len(errors)
        others = ":".join(["all", *(f"!{name}" for name in errors)])
        super().__init__(
            f"{count} {'host' if count == 1 else 'hosts'} cannot be used; nothing was changed",
            why=told(errors),
            hint=f"repair, or leave out: --limit '{others}'" if count <= FEW else "repair them",
        )
        self.errors = dict(errors)
        codes = {error.code for error in errors.values()}
        self.code = codes.pop() if len(codes) == 1 else self.code
