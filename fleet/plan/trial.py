"""A new version on trial beside the old one: which share of the requests it gets, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fleet.model.balancing import WEIGHT, Server
from fleet.model.desired import Desired, Role
from fleet.model.found import Facts
from fleet.model.services import Service
from fleet.model.slots import in_slot
from fleet.model.strategy import Share
from fleet.plan import images
from fleet.plan.decide import Change
from fleet.plan.traffic import Lane, lane
from fleet.plan.tree import Admit, Member, Phase, Trial, Turn
from fleet.plan.turn import Case, case_of


def first_stop(service: Service) -> int:
    """The share at which a deploy of the service stops and waits to be promoted; 0: it is not tried."""
    return _stop(service.strategy.shares)


def next_stop(desired: Desired, facts: Facts, key: str) -> int:
    """The share at which a promotion stops again, beyond the one that is given now; 0: the new version
    takes over."""
    led = _led(_members(desired, facts, key))
    if not led:
        return 0
    reached = min(member.weight for member in led)
    return _stop([one for one in led[0].service.strategy.shares if one.weight > reached])


def side_by_side(desired: Desired, facts: Facts, key: str) -> bool:
    """Old and new version run, or will: there is something to compare the new one with."""
    return any(member.old for member in _members(desired, facts, key))


def _stop(shares: tuple[Share, ...] | list[Share]) -> int:
    waiting = [one.weight for one in shares if not one.seconds]
    return (waiting or [one.weight for one in shares[-1:]] or [0])[0]


def trials(desired: Desired, facts: Facts, role: Role, name: str) -> Iterator[Trial]:
    """A stage for each share from what the hosts give now up to where this run stops. That a share is given
    does not say that it was watched to its end: only the ledger can, and then ``desired.watched`` does."""
    key = f"{role.name}.{name}"
    upto = desired.trial.get(key, 0)
    members = list(_members(desired, facts, key)) if upto else []
    led = _led(members)
    if not led or not any(member.old for member in members):
        return
    service = led[0].service
    reached = min(member.weight for member in led)
    for share in service.strategy.shares:
        over = share.weight <= reached if desired.watched else share.weight < reached
        if not over and share.weight <= upto:
            turns = tuple(Turn(one.lane.host, tuple(one.shares(share.weight))) for one in led)
            yield Trial(
                key,
                role.name,
                turns,
                share,
                tuple(Member(one.lane.host, in_slot(one.service, one.new).name, one.server) for one in led),
                tuple(server for one in led if one.old and (server := one.lane.server(one.old))),
                desired.version,
                " and ".join(dict.fromkeys(one.before for one in led if one.before)),
                service.watch,
                _on_failure(service),
            )


def decided(desired: Desired, facts: Facts, role: Role, name: str) -> Phase | None:
    """The end of a trial, either way: the version that stays gets all requests on every host at once, before
    the other one goes batch by batch."""
    key = f"{role.name}.{name}"
    turns = []
    for one in _members(desired, facts, key) if key not in desired.trial else ():
        stays, goes = one.lane.server(one.new), one.lane.server(one.old) if one.old else None
        if one.proven and stays and goes and one.lane.weight(one.old):
            nodes = (*one.lane.admit(one.new), *one.lane.turn_away(one.old))
            turns.append(Turn(one.lane.host, nodes))
    return Phase(f"{key}: all requests to one version", tuple(turns)) if turns else None


def _on_failure(service: Service) -> str:
    if service.watch:
        return "pause" if service.watch.on_failure == "pause" else "rollback"
    return "rollback" if service.update.failure_action == "rollback" else "pause"


def _led(members: Iterable[_Both]) -> list[_Both]:
    """Those that can be given a share: a balancer knows them, and the operator does not keep them out."""
    return [one for one in members if one.lane.server(one.new) and not one.lane.kept_out]


@dataclass(frozen=True, slots=True)
class _Both:
    """The slots of new and old on one host; ``old`` 0: there is none. ``before`` is the old one's release.
    ``stands``: the new one is there already, ``proven``: and has passed its gate; ``sick``: the old one gets
    nothing, whatever its weight."""

    lane: Lane
    service: Service
    new: int
    old: int
    before: str
    stands: bool
    sick: bool
    proven: bool

    @property
    def server(self) -> Server | None:
        return self.lane.server(self.new)

    def shares(self, weight: int) -> Iterator[Admit]:
        slots = [(self.new, weight), *([(self.old, WEIGHT - weight)] if self._old_serves else [])]
        for slot, share in slots:
            for node in self.lane.admit(slot, share):
                if isinstance(node, Admit):
                    yield node

    @property
    def weight(self) -> int:
        """The share that the new one has; 0 while a run that was cut off has set only one of the two."""
        if not self.stands:
            return 0
        share = self.lane.weight(self.new)
        whole = not self._old_serves or self.lane.weight(self.old) == WEIGHT - share
        return share if whole else 0

    @property
    def _old_serves(self) -> bool:
        return self.old > 0 and not self.sick


def _members(desired: Desired, facts: Facts, key: str) -> Iterator[_Both]:
    for state in desired.hosts:
        for service in state.services:
            host = facts.hosts[state.host]
            image = images.reference(service, facts, host) if service.key == key else None
            if image and service.strategy.tried:
                marks = facts.fingerprints.get(state.host, {})
                here = lane(desired, facts, service, state.host)
                case = case_of(desired, service, image, host, marks, here)
                stands = case.change in {Change.KEEP, Change.WATCH}
                proven = case.change is Change.KEEP
                yield _Both(here, service, *case.both, _release(case), stands, _sick(case), proven)


def _release(case: Case) -> str:
    return case.older.release if case.older else ""


def _sick(case: Case) -> bool:
    """By its own health check: its balancers may miss it for a moment only."""
    return case.older is not None and case.older.health == "unhealthy"
