"""Open connections to the hosts of one command, and what is gathered over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType

from fleet.app.session import Session
from fleet.app.told import told
from fleet.errors import FleetError, Unreachable
from fleet.facts.clock import ClockProbe
from fleet.facts.probe import Answer
from fleet.ledger.fence import fence_check
from fleet.model.desired import Desired
from fleet.model.found import Facts, Unknown
from fleet.model.hosts import Host
from fleet.model.leavings import Leavings
from fleet.model.place import Place
from fleet.ops.effects import RegistryAuth
from fleet.plan.volumes import Volumes
from fleet.report import events as ev
from fleet.run.fenced import FencedTransport
from fleet.run.gather import First, gather, helper_digest
from fleet.run.leavings import look
from fleet.run.tenure import Tenure, now
from fleet.transport.base import HandTransport, Transport
from fleet.transport.connect import Connector
from fleet.transport.endpoint import Endpoint, endpoint_of


class Connections:
    """Open connections to hosts of the session, by name; ``errors`` of those that cannot be reached.
    ``entered`` are the same, for what an operator does by hand."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connector = Connector(
            session.keyring,
            known_hosts=[session.options.root / "inventories" / session.options.env / "known_hosts"],
        )
        self.transports: dict[str, Transport] = {}
        self.entered: dict[str, HandTransport] = {}
        self.errors: dict[str, FleetError] = {}
        self._left: set[str] = set()
        self._unheard: dict[str, FleetError] = {}
        self._ahead: dict[str, float] = {}
        self._more: list[Transport] = []

    def __enter__(self) -> Connections:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for transport in (*self.transports.values(), *self._more):
            transport.close()
        self._connector.close()

    def open(self, hosts: Iterable[Host]) -> None:
        """All that can be reached; the others are told apart in ``errors``."""
        endpoints = [self._endpoint(host) for host in hosts if host.name not in self.transports]
        for name, result in self._connector.connect_all(endpoints, self._session.parallel).items():
            self._opened(name, result)

    def each(
        self,
        hosts: Iterable[Host],
        use: Callable[[str, HandTransport], None],
        parallel: int = 0,
        *,
        lasting: bool = False,
    ) -> None:
        """``use`` each host as soon as it is connected to, without waiting for the others, and leave it.
        ``parallel`` instead of the session's: how many at once. ``lasting``: no use ends before all others
        have begun, so that only connections are made ``parallel`` at once."""

        def used(name: str, result: HandTransport | Unreachable) -> None:
            if isinstance(result, Unreachable):
                self._opened(name, result)
                return
            try:
                use(name, result)
            finally:
                # Here, side by side: to end one takes 20 ms.
                result.close()

        endpoints = [self._endpoint(host) for host in hosts]
        self._connector.connect_all(endpoints, parallel or self._session.parallel, used, lasting)

    def _opened(self, name: str, result: HandTransport | Unreachable) -> None:
        if isinstance(result, Unreachable):
            result.host = result.host or name
            self.errors[name] = result
        else:
            self.transports[name] = self.entered[name] = result
            self.errors.pop(name, None)

    def _endpoint(self, host: Host) -> Endpoint:
        """A key file is named relative to the project, from wherever the command is given."""
        endpoint = endpoint_of(host)
        if self._session.sudo:
            endpoint = replace(endpoint, become=True, password=self._session.sudo)
        if endpoint.key_file and not endpoint.key_file.startswith("~"):
            endpoint = replace(endpoint, key_file=str(self._session.options.root / endpoint.key_file))
        return endpoint

    def leave(self) -> None:
        """The run goes on without the hosts that cannot be reached; they are not tried again."""
        self._left.update(self.errors)
        self._unheard |= self.errors
        self.errors.clear()

    def witness(self, hosts: Iterable[Host]) -> None:
        """Connect to hosts that only bear witness: one that does not answer is not healthy, no more."""
        asked = [host for host in hosts if host.name not in self._left]
        names = [host.name for host in asked]
        self.open(asked)
        for name in names:
            if error := self.errors.pop(name, None):
                self._unheard[name] = error
                self._session.emit(ev.Note(f"{name} counts as not healthy: {error.what}", "warning"))

    def again(self, names: Iterable[str]) -> None:
        """Fresh connections: after a failure nobody knows which of the old ones still live."""
        wanted = set(names)
        for name in wanted & set(self.transports):
            self.transports.pop(name).close()
        self.open(host for name, host in self._session.everyone.items() if name in wanted)

    def one_more(self, name: str) -> Transport:
        """Another connection to a host, for what must not wait for the rest. Raises Unreachable."""
        transport = self._connector.connect(self._endpoint(self._session.everyone[name]))
        self._more.append(transport)
        return transport

    def fenced(self, tenure: Tenure, place: Place) -> dict[str, Transport]:
        """The connected hosts, as they may be changed while ``tenure`` lasts."""
        return {
            name: self._fenced(name, transport, tenure, place)
            for name, transport in self.transports.items()
            if name in self._ahead
        }

    def anew(self, name: str, tenure: Tenure, place: Place) -> Transport | None:
        """Another connection to a host whose first was lost, as it may be changed; None: it is not
        reached."""
        try:
            return self._fenced(name, self.one_more(name), tenure, place)
        except Unreachable:
            return None

    def _fenced(self, name: str, transport: Transport, tenure: Tenure, place: Place) -> Transport:
        return FencedTransport(
            transport, tenure, partial(fence_check, place, tenure.lease.token), self._ahead[name]
        )

    def facts(
        self,
        desired: Desired,
        registries: Mapping[str, RegistryAuth] | None,
        digests: Mapping[str, str] | None = None,
        first: First | None = None,
    ) -> Facts:
        """Facts of every connected host of ``desired``. Hosts that fail meanwhile go to ``errors``.
        ``first``: what one host carries out before, in the same call."""
        session = self._session
        bystanders = {one.name for one in session.witnesses(desired)}
        wanted = {state.host for state in desired.hosts} | bystanders
        asked = wanted | ({first.host} if first else set())
        transports = {name: one for name, one in self.transports.items() if name in asked}
        found = gather(
            desired, transports, session.keyring, registries, session.parallel, digests, session.emit, first
        )
        self._ahead |= found.ahead
        self.errors.update({name: error for name, error in found.errors.items() if name not in bystanders})
        known = found.facts.hosts
        hosts = {name: known[name] for name in session.everyone if name in wanted and name in known}
        unreached = self._unreached(desired, {**self._unheard, **found.errors}, known)
        return replace(found.facts, hosts=hosts, balancers={**found.facts.balancers, **unreached})

    def with_helper(
        self,
        desired: Desired,
        facts: Facts,
        registries: Mapping[str, RegistryAuth],
        hosts: Sequence[str] | None = None,
    ) -> Facts:
        """``facts`` with the digest of the image that copies volumes, when ``hosts`` need it, or those of a
        deploy may, and then of those that upgrade data: only then their registry may be asked."""
        data = Volumes.of(desired, facts)
        needed = {desired.moving.image: data.helpers if hosts is None else hosts}
        needed |= data.upgrades.images if hosts is None else {}
        for image, there in needed.items():
            facts = helper_digest(image, there, facts, self.transports, registries, self._session.emit)
        return facts

    def _unreached(
        self, desired: Desired, errors: Mapping[str, FleetError], known: Iterable[str]
    ) -> dict[str, Unknown]:
        """Balancers of what the run changes, on hosts without facts: they may well be serving."""
        services = [one for state in desired.hosts for one in state.services]
        led = {one.load_balancer.role for one in services if one.load_balancer}
        silent = {one.host for one in desired.balancers if one.role in led} - set(known)
        whys = {name: f": {errors[name].what}" if name in errors else "" for name in silent}
        everyone = self._session.everyone
        return {
            name: Unknown(f"there is no connection to it{whys[name]}") for name in everyone if name in silent
        }

    def clocks(self) -> None:
        """Ask every connected host for its time, where no facts are gathered: without it a host cannot be
        changed. Raises FleetError."""
        probe = ClockProbe()
        for name, transport in self.transports.items():
            if name not in self._ahead:
                asked = now()
                result = transport.run(probe.clock, timeout=CLOCK_SECONDS)
                told = probe.parse(Answer(result.out.decode("utf-8", "replace"), result.rc or 0))
                if isinstance(told, int):
                    self._ahead[name] = told - asked

    def leavings(self) -> Mapping[str, Leavings]:
        """What lies on every connected host of the run. Hosts that fail meanwhile go to ``errors``."""
        session = self._session
        names = {host.name for host in session.hosts}
        transports = {name: one for name, one in self.transports.items() if name in names}
        found, errors, ahead = look(session.place, transports, session.parallel)
        self._ahead |= ahead
        self.errors.update(errors)
        return found

    def require_all(self) -> None:
        """Raises Unreachable naming every host that did not answer; nothing was changed so far."""
        if self.errors:
            raise Unreached(self.errors)


CLOCK_SECONDS = 10

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
