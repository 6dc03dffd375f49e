"""What the balancers' own view forbids, or makes worth a word, before a plan may run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleet.model.desired import Desired
from fleet.model.found import Facts, Unknown
from fleet.model.servers import servers
from fleet.model.services import Service
from fleet.ops.containers import Remove
from fleet.plan.traffic import answered
from fleet.plan.tree import Admit, Drain, Finding, Node, Rollout, Step, Turn


def backends(desired: Desired, facts: Facts, rollouts: Sequence[Rollout]) -> Iterator[Finding]:
    yield from _unreadable(desired, facts, rollouts)
    for rollout in rollouts:
        yield from _unknown_servers(desired, facts, rollout)
        if not desired.allow_downtime:
            yield from _last_one(desired, facts, rollout)


def _unreadable(desired: Desired, facts: Facts, rollouts: Sequence[Rollout]) -> Iterator[Finding]:
    """A balancer that runs and cannot be spoken to goes on sending requests to what is being stopped. Of a
    host without facts nobody knows whether one runs there: it is dead, or only we do not reach it."""
    changed = {rollout.service for rollout in rollouts}
    stopped = {one.service for one in rollouts if any(map(_stops, one.turns))}
    services = [one for state in desired.hosts for one in state.services if one.key in changed]
    roles = {one.load_balancer.role for one in services if one.load_balancer}
    at_stake = {one.load_balancer.role for one in services if one.load_balancer and one.key in stopped}
    for one in desired.balancers:
        view = facts.balancers.get(one.host)
        if one.role not in roles or not isinstance(view, Unknown):
            continue
        if one.host in facts.hosts:
            what = f"cannot ask the balancer: {view.reason}"
            hint = (
                f"if its new configuration mends that: deploy --roles {one.role} first; else look at the host"
            )
            error = True
        else:
            what = f"the balancer on {one.host} does not answer ({view.reason}): "
            what += "requests through it are not led; if it serves, they are lost"
            hint = "if the host is dead for certain, --allow-downtime goes on without it"
            error = one.role in at_stake and not any(answered(desired, facts, one.role))
            hint = hint if error else "when it is back: inv converge"
        yield Finding(error and not desired.allow_downtime, what, hint, one.host)


def _stops(turn: Turn) -> bool:
    return turn.disrupts or any(_removes(node) for node in turn.steps)


def _unknown_servers(desired: Desired, facts: Facts, rollout: Rollout) -> Iterator[Finding]:
    """A configuration that is older than the server: what gets requests now would be stopped undrained, and
    what takes its place would get none."""
    for turn in rollout.turns:
        service = _service(desired, turn.host, rollout.service)
        if service is None or service.load_balancer is None:
            continue
        role = service.load_balancer.role
        views = list(answered(desired, facts, role))
        lacking = [
            one for one in servers(service, turn.host) if not any(str(one) in v.servers for v in views)
        ]
        if views and lacking and (turn.disrupts or any(_removes(node) for node in turn.steps)):
            what = f"{rollout.service}: no balancer knows {' and '.join(map(str, lacking))} yet"
            hint = f"deploy the balancers first (--roles {role}), or insist: --allow-downtime"
            yield Finding(
                not desired.allow_downtime, f"{what}, so its requests cannot be led away", hint, turn.host
            )


def _removes(node: Node) -> bool:
    return isinstance(node, Step) and isinstance(node.op, Remove)


def _last_one(desired: Desired, facts: Facts, rollout: Rollout) -> Iterator[Finding]:
    """No batch may leave a balancer without a server of a backend. What a batch sends requests to counts for
    the next: if that does not serve, the run does not get there."""
    services = (_service(desired, turn.host, rollout.service) for turn in rollout.turns)
    members = [one.load_balancer for one in services if one and one.load_balancer]
    for backend, role in {one.backend: one.role for one in members}.items():
        for view in answered(desired, facts, role):
            known = {name: one for name, one in view.servers.items() if name.startswith(f"{backend}/")}
            serving = {name for name, one in known.items() if one.serves}
            for number, batch in enumerate(rollout.batches, 1):
                disrupting = [turn.steps for turn in batch if turn.disrupts]
                taken = {name for steps in disrupting for name in _drained(_until_back(steps), backend)}
                if taken & serving and not serving - taken:
                    yield Finding(
                        True,
                        f"batch {number} of {rollout.service} takes {' and '.join(sorted(taken & serving))}: "
                        f"a balancer would be left without a server for backend {backend}",
                        "make the batches smaller, give it a port_pair, bring another host up first, "
                        "or insist: --allow-downtime",
                    )
                    break
                given = {str(node.server) for turn in batch for node in turn.steps if isinstance(node, Admit)}
                left = {name for turn in batch for name in _drained(turn.steps, backend)}
                serving = (serving - left) | (given & set(known))


def _until_back(steps: Sequence[Node]) -> Sequence[Node]:
    """What is drained after the new one has its requests is missed by nobody."""
    back = (at for at, node in enumerate(steps) if isinstance(node, Admit))
    return steps[: next(back, len(steps))]


def _drained(steps: Sequence[Node], backend: str) -> Iterator[str]:
    for node in steps:
        if isinstance(node, Drain) and not node.empty and node.server.backend == backend:
            yield str(node.server)


def _service(desired: Desired, host: str, key: str) -> Service | None:
    services = (one for state in desired.hosts if state.host == host for one in state.services)
    return next((one for one in services if one.key == key), None)
