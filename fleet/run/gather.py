"""Facts of all hosts at once: one script each, then the registries' answers where they are needed."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from fleet.balancers.kinds import KINDS
from fleet.errors import FleetError
from fleet.facts.probe import Answer, Question
from fleet.facts.script import first_answer, parse, probe_script
from fleet.model.balancing import BalancerHost, BalancerView
from fleet.model.desired import Desired, HostState
from fleet.model.found import Engine, Facts, HostFacts, Unknown
from fleet.model.images import ImageRef
from fleet.ops.effects import RegistryAuth, ResolveDigest
from fleet.plan import images
from fleet.report import events as ev
from fleet.run.patience import patiently, telling
from fleet.run.perform import failure
from fleet.run.tenure import now
from fleet.secret import Keyring
from fleet.transport.base import ApiFailed, Transport

PROBE_SECONDS = 60
REGISTRY_SECONDS = 60
BALANCER_SECONDS = 10
GONE = {404: "is gone from {}", 403: "is refused by {}"}
"""Answers of a registry that speak of one image; others speak of the registry, and end the run."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """``errors`` of hosts that failed meanwhile; ``ahead``: by how many seconds a host's clock is before
    :func:`fleet.run.tenure.now`."""

    facts: Facts
    errors: Mapping[str, FleetError]
    ahead: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class First:
    """A script that ``host`` carries out before its probes, in the same call. ``heard`` gets what it said
    and when it was sent, at once: whatever goes wrong later, that has happened."""

    host: str
    script: str
    heard: Callable[[Answer, float], None]


def gather(
    desired: Desired,
    transports: Mapping[str, Transport],
    keyring: Keyring,
    registries: Mapping[str, RegistryAuth] | None,
    parallel: int,
    digests: Mapping[str, str] | None = None,
    emit: ev.Emit = lambda _: None,
    first: First | None = None,
) -> Gathered:
    """Facts of every host that has a transport.

    ``registries``: credentials for asking which digest a tag stands for; None: nobody is asked.
    ``digests``: images whose digest is settled already. ``emit`` is told when a registry makes us wait.
    """
    wanted = {state.host: state for state in desired.hosts}
    hosts: dict[str, HostFacts] = {}
    errors: dict[str, FleetError] = {}
    ahead: dict[str, float] = {}
    views: dict[str, BalancerView | Unknown] = {}
    balancers = {balancer.host: balancer for balancer in desired.balancers}

    def one(item: tuple[str, Transport]) -> None:
        name, transport = item
        question = Question(
            desired.project,
            desired.env,
            desired.state_dir,
            wanted.get(name, HostState(name)),
            desired.moving.image,
        )
        try:
            found = ask(question, transport, first if first and first.host == name else None)
        except FleetError as error:
            error.host = error.host or name
            errors[name] = error
            return
        hosts[name] = found
        if name in balancers and _runs(balancers[name], found):
            views[name] = balancer_view(balancers[name], transport)
        if isinstance(found.clock, int):
            ahead[name] = found.clock - now()

    with ThreadPoolExecutor(max(1, min(parallel, len(transports)))) as pool:
        list(pool.map(one, transports.items()))
    prints = {
        name: {str(ref): mark for ref, mark in keyring.fingerprints(facts.key).items()}
        for name, facts in hosts.items()
        if isinstance(facts.key, bytes)
    }
    in_order = dict.fromkeys([*wanted, *transports])
    facts = Facts({name: hosts[name] for name in in_order if name in hosts}, {}, prints, balancers=views)
    reached = replace(desired, hosts=tuple(state for state in desired.hosts if state.host in hosts))
    facts = replace(facts, digests=digests or {})
    if registries is not None:
        facts = _resolved(reached, facts, transports, registries, emit)
    return Gathered(facts, errors, ahead)


def ask(question: Question, transport: Transport, first: First | None = None) -> HostFacts:
    """One host's facts, in one call. Raises FleetError."""
    # The mark frames the probes' output; it must be a word that no container can have printed.
    mark = f"fleet-{secrets.token_hex(8)}"
    script, asked = probe_script(question, mark, first.script if first else ""), now()
    result = transport.run(script, timeout=PROBE_SECONDS)
    if not result.ok:
        raise failure("gather facts", result, PROBE_SECONDS)
    output = result.out.decode("utf-8", "replace")
    if first:
        answer, output = first_answer(output, mark)
        first.heard(answer, asked)
    return parse(transport.host, output, mark)


def balancer_view(one: BalancerHost, transport: Transport) -> BalancerView | Unknown:
    kind = KINDS[one.balancer.kind]

    def asked(request: str) -> str:
        return transport.ask(one.balancer.socket, request, timeout=BALANCER_SECONDS)

    try:
        view = kind.view(asked(kind.look))
        path = one.balancer.maintenance
        table = kind.table(asked(kind.maps), path) if path else ""
        return replace(view, paged=kind.paged(asked(kind.entries(table)))) if table else view
    except FleetError as error:
        return Unknown(f"{error.what}{f' ({error.why})' if error.why else ''}")
    except (ValueError, KeyError) as error:
        return Unknown(f"its answer makes no sense: {error}")


def helper_digest(
    image: str,
    hosts: Sequence[str],
    facts: Facts,
    transports: Mapping[str, Transport],
    registries: Mapping[str, RegistryAuth],
    emit: ev.Emit,
) -> Facts:
    """``facts`` with the digest of an ``image`` that is no service's and that ``hosts`` need. Its registry is
    asked when they do not all have it."""
    if not image or not hosts or image in facts.digests or ImageRef.parse(image).digest:
        return facts
    digest = images.agreed(image, (facts.hosts[host] for host in hosts))
    if not digest:
        call = ResolveDigest(image, registries.get(ImageRef.parse(image).registry))
        ask_registry = partial(transports[hosts[-1]].docker, call, timeout=REGISTRY_SECONDS)
        digest = str(patiently(ask_registry, telling(hosts[-1], emit), threading.Event()))
    return replace(facts, digests={**facts.digests, image: digest})


def _runs(one: BalancerHost, found: HostFacts) -> bool:
    """One that does not run leads no requests, and is asked nothing."""
    return any(f"{ours.role}.{ours.service}" == one.service and ours.running for ours in found.of_services)


def _resolved(
    desired: Desired,
    facts: Facts,
    transports: Mapping[str, Transport],
    registries: Mapping[str, RegistryAuth],
    emit: ev.Emit,
) -> Facts:
    """Ask each image's registry once, through the first host that wants the image and has an engine.

    So all hosts get the same digest, and a missing tag or a refused login is known before anything
    is changed. An image that is named by digest is only asked for when a host lacks it; that it is gone
    is for the plan to tell, with the hosts that still have it.
    """

    def asked(image: str, hosts: tuple[str, ...]) -> str | None:
        able = [host for host in hosts if isinstance(facts.hosts[host].engine, Engine)]
        if not able:
            return None  # the planner refuses hosts without an engine, all of them at once
        call = ResolveDigest(image, registries.get(ImageRef.parse(image).registry))
        ask_registry = partial(transports[able[0]].docker, call, timeout=REGISTRY_SECONDS)
        return str(patiently(ask_registry, telling(able[0], emit), threading.Event()))

    digests = {**images.known(desired, facts), **facts.digests}
    for image, hosts in images.to_resolve(desired, facts).items():
        if image not in digests and (digest := asked(image, hosts)):
            digests[image] = digest
    gone: dict[str, str] = {}
    for image, hosts in images.to_find(desired, facts).items():
        ref = ImageRef.parse(image)
        try:
            asked(ref.pinned(ref.digest), hosts)
        except ApiFailed as error:
            if error.status not in GONE:
                raise
            gone[image] = GONE[error.status].format(ref.registry)
    return replace(facts, digests=digests, gone=gone)
