"""Hosts that share a virtual address are updated one after the other, the one that has it last, and only
after it has handed it over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fleet.model.desired import Desired
from fleet.model.found import Facts, Unknown
from fleet.model.services import Batches, Service
from fleet.ops.containers import is_leftover
from fleet.plan.lint import healthy_hosts
from fleet.plan.tree import Finding, Handover, Rollout, Turn


@dataclass(frozen=True, slots=True)
class Address:
    """``holders``: hosts that were found to have it. ``containers``: (host, name) of all that can; hosts on
    which the whole role is healthy come first."""

    address: str
    role: str
    containers: tuple[tuple[str, str], ...]
    holders: tuple[str, ...]


def addresses(desired: Desired, facts: Facts) -> tuple[Address, ...]:
    found: dict[str, Address] = {}
    for state in desired.hosts:
        for service in state.services:
            if service.virtual_address and service.virtual_address.address not in found:
                found[service.virtual_address.address] = _address(
                    desired, facts, service, service.virtual_address.address
                )
    return tuple(found.values())


def _address(desired: Desired, facts: Facts, service: Service, address: str) -> Address:
    role = next(one for one in desired.roles if one.name == service.role)
    # Before its first deployment no host has the service, and nobody is asked.
    holders = tuple(
        name for name in role.hosts if name in facts.hosts and address in _of(facts.hosts[name].addresses)
    )
    well = set(healthy_hosts(role, facts))
    able = sorted(_containers(facts, service, role.hosts), key=lambda pair: pair[0] not in well)
    return Address(address, service.role, tuple(able), holders)


def _containers(facts: Facts, service: Service, hosts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in hosts:
        if name in facts.hosts:
            for one in facts.hosts[name].of_services:
                ours = (one.role, one.service) == (service.role, service.name)
                if ours and one.running and not is_leftover(one.name):
                    yield name, one.name


def _of(found: tuple[str, ...] | Unknown) -> tuple[str, ...]:
    return () if isinstance(found, Unknown) else found


def one_by_one(rollouts: Sequence[Rollout], known: Sequence[Address]) -> list[Rollout]:
    """``rollouts``, in their order, with the holder's turn last and alone, and the address handed over before
    it. The next rollout finds the address where that one has brought it."""
    found: list[Rollout] = []
    for rollout in rollouts:
        ours = [one for one in known if one.role == rollout.role]
        made = _with_handovers(rollout, ours) if ours else rollout
        moved = {
            node.address: node.to for turn in made.turns for node in turn.steps if isinstance(node, Handover)
        }
        known = [
            replace(one, holders=(moved[one.address],)) if one.address in moved else one for one in known
        ]
        found.append(made)
    return found


def _with_handovers(rollout: Rollout, known: Sequence[Address]) -> Rollout:
    last = [name for one in known for name in one.holders]
    turns = sorted(rollout.turns, key=lambda turn: turn.host in last)
    turns = [replace(turn, steps=(*_handovers(turn, known), *turn.steps)) for turn in turns]
    policy = replace(rollout.policy, batches=Batches((1,)))
    return replace(rollout, batches=tuple((turn,) for turn in turns), policy=policy)


def _handovers(turn: Turn, known: Sequence[Address]) -> Iterator[Handover]:
    """Only where the host is without its service for a while."""
    for one in known:
        others = [name for name, _ in one.containers if name != turn.host]
        if turn.disrupts and turn.host in one.holders and others:
            yield Handover(turn.host, others[0], one.address, one.containers)


def held_once(known: Sequence[Address], rollouts: Sequence[Rollout]) -> Iterator[Finding]:
    """Two that have it answer each other's requests: nothing is changed before that is settled."""
    roles = {rollout.role for rollout in rollouts}
    for one in known:
        if len(one.holders) > 1 and one.role in roles:
            yield Finding(
                True,
                f"{' and '.join(one.holders)} both have the address {one.address}",
                "see who should (inv vip), and restart the service on the other: docs/vip.md",
            )
