"""One command's view of one environment: what was read, whom we are connected to, where we report."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from fleet.app.inventory import read_inventory
from fleet.app.options import Options
from fleet.config.inventory import limit
from fleet.config.project import Project, load_desired, open_project, rendered_hosts
from fleet.config.settings import ledger, parallel, registries, state_dir, volume_image
from fleet.errors import UsageError
from fleet.model.desired import Desired
from fleet.model.hosts import Host, Inventory
from fleet.model.place import Place
from fleet.model.volumes import Moving
from fleet.ops.effects import RegistryAuth
from fleet.report import events as ev
from fleet.report.plan_text import Line
from fleet.report.redact import Redactor
from fleet.run.interrupt import FIRST, Interrupt, on_signals
from fleet.secret import Keyring, Secret, SecretRef
from fleet.secrets import resolve
from fleet.suggest import suggest

SUDO = SecretRef("asked", "sudo")


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
    sudo: SecretRef | None = None
    """The password of ``--sudo``: every host is worked on through sudo."""

    @classmethod
    def open(cls, options: Options, report: Report, keyring: Keyring) -> Session:
        """Raises ConfigErrors, UsageError (a limit that means no host)."""
        inventory = read_inventory(options.root, options.env)
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
            if not self.sinks:
                return  # nobody is left to be told, and nothing goes on that they would miss
            why = "it was closed" if isinstance(error, (BrokenPipeError, SystemExit)) else error
            with contextlib.suppress(OSError, SystemExit):
                self.report.error(f"{what} cannot be written any more: {why}; the run goes on")

    def show(self, line: Line) -> None:
        """Prose for people."""
        if self.report in self.sinks:
            with self._hearing(self.report):
                self.report.line(replace(line, text=self.masked(line.text)))

    def interruptible(self, first: str = FIRST) -> AbstractContextManager[None]:
        """^C counts while the block runs; ``first``: what is said at the first press."""
        return on_signals(self.interrupt, lambda text: self.emit(ev.Note(text, "warning")), first)

    def masked(self, text: str) -> str:
        return self.keyring.redact(text)

    def desired(self, behind: Iterable[str] = ()) -> Desired:
        """Everything the roles say, rendered for every host of the run. Raises ConfigErrors.
        ``behind``: hosts that templates shall leave out."""
        options = self.options
        desired = load_desired(
            self.project,
            self.inventory,
            self.hosts,
            options.version,
            roles=options.roles or None,
            behind=tuple(behind),
        )
        return replace(
            desired,
            selected=options.roles,
            remove_orphans=options.remove_orphans,
            moving=self.moving,
        )

    @property
    def moving(self) -> Moving:
        """How volumes get to other hosts. Raises ConfigError."""
        options, hosts = self.options, self.everyone.values()
        return Moving(
            image=volume_image(hosts),
            addresses={host.name: host.address for host in hosts},
            adopt=options.adopt,
            empty=options.allow_empty,
            sources=options.volume_from,
            rate=options.copy_rate,
            downtime=options.max_downtime,
        )

    @property
    def ledger(self) -> Host:
        """The host that keeps releases and lease. Raises ConfigError, UsageError."""
        name = self.options.ledger or ledger(tuple(self.everyone.values()))
        if name not in self.everyone:
            raise UsageError(f"--ledger {name}: no such host{suggest(name, self.everyone)}")
        return self.everyone[name]

    @property
    def place(self) -> Place:
        """Where each host keeps what it knows of releases."""
        return Place(state_dir(self.everyone.values()), self.project.name, self.options.env)

    def work_by_sudo(self, password: str) -> None:
        """On every host, with a password that every report masks."""
        self.keyring.learn(Keyring({SUDO: Secret(password)}))
        self.sudo = SUDO

    def witnesses(self, desired: Desired) -> tuple[Host, ...]:
        """Hosts outside of the run that count: those of its roles that keep a minimum, and the balancers of
        what it changes."""
        run = {state.host for state in desired.hosts}
        services = [one for state in desired.hosts for one in state.services]
        # One of them has to have the address when another is touched.
        sharing = {one.role for one in services if one.virtual_address}
        counted = (role for role in desired.roles if role.min_healthy or role.name in sharing)
        roles = (role for role in counted if run & set(role.hosts))
        led = {one.load_balancer.role for one in services if one.load_balancer}
        balancers = (one.host for one in desired.balancers if one.role in led)
        names = dict.fromkeys([*(name for role in roles for name in role.hosts), *balancers])
        return tuple(self.everyone[name] for name in names if name not in run and name in self.everyone)

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
