"""A new version on trial beside the old one: which share of the requests it gets, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fleet.model import codec
from fleet.model.balancing import WEIGHT, Server
from fleet.model.desired import Desired, Role
from fleet.model.found import Facts, HostFacts
from fleet.model.services import Service
from fleet.model.slots import in_slot, slot_of
from fleet.model.strategy import Share
from fleet.plan import images
from fleet.plan.traffic import Lane, lane
from fleet.plan.tree import Admit, Member, Trial, Turn
from fleet.plan.turn import standing


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
    """A stage for each share from what the hosts give now up to where this run stops."""
    key = f"{role.name}.{name}"
    upto = desired.trial.get(key, 0)
    members = list(_members(desired, facts, key))
    if not upto or not members:
        return
    service = members[0].service
    if not any(member.old for member in members):
        return
    led = _led(members)
    reached = min((member.weight for member in led), default=0)
    for share in service.strategy.shares if led else ():
        if reached < share.weight <= upto:
            turns = tuple(Turn(one.lane.host, tuple(_shares(one, share.weight))) for one in led)
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
            )


def _led(members: Iterable[_Both]) -> list[_Both]:
    """Those that can be given a share: a balancer knows them, and the operator does not keep them out."""
    return [one for one in members if one.lane.server(one.new) and not one.lane.kept_out]


def _shares(member: _Both, weight: int) -> Iterator[Admit]:
    for slot, share in ((member.new, weight), (member.old, WEIGHT - weight)):
        for node in member.lane.admit(slot, share) if slot else ():
            if isinstance(node, Admit):
                yield node


class _Both:
    """The slots of new and old on one host; ``old`` 0: there is none. ``before`` is the old one's release."""

    def __init__(self, here: Lane, service: Service, new: int, old: int, before: str = "") -> None:
        self.lane, self.service, self.new, self.old, self.before = here, service, new, old, before

    @property
    def server(self) -> Server | None:
        return self.lane.server(self.new)

    @property
    def weight(self) -> int:
        """The share that the new one has; 0 while a run that was cut off has set only one of the two."""
        share = self.lane.weight(self.new)
        whole = not self.old or self.lane.weight(self.old) == WEIGHT - share
        return share if whole else 0


def _members(desired: Desired, facts: Facts, key: str) -> Iterator[_Both]:
    for state in desired.hosts:
        for service in state.services:
            host = facts.hosts[state.host]
            image = images.reference(service, facts, host) if service.key == key else None
            if image and service.strategy.tried:
                marks = facts.fingerprints.get(state.host, {})
                yield _both(lane(desired, facts, service, state.host), service, image, host, marks)


def _both(here: Lane, service: Service, image: str, host: HostFacts, marks: Mapping[str, str]) -> _Both:
    digest = codec.digest(service, image, marks)
    found = standing(service, host.of_services, digest)
    if found.main is None:
        return _Both(here, service, 1, 0)
    slot = slot_of(service, found.main.name) or 1
    if found.main.spec_digest != digest or not found.main.running:
        return _Both(here, service, 3 - slot, slot, found.main.release)
    others = [one for one in found.leftovers if slot_of(service, one.name) == 3 - slot]
    return (
        _Both(here, service, slot, 3 - slot, others[0].release) if others else _Both(here, service, slot, 0)
    )
