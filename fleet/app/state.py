"""What the fleet runs, in a few lines: the truth after a run, whatever the run believed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleet.model.desired import HostState
from fleet.model.found import Container, Facts, Unknown
from fleet.model.images import ImageRef
from fleet.report.names import fold


def state_lines(facts: Facts, wanted: Iterable[HostState], lost: Iterable[str] = ()) -> tuple[str, ...]:
    """A line per service and version: ``web.app  v42  web-[1-3]``; what is wanted and not there is absent.

    Hosts of which nothing is known come last.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    unknown: dict[str, list[str]] = {}
    for name, host in facts.hosts.items():
        if isinstance(host.containers, Unknown):
            unknown.setdefault(host.containers.reason, []).append(name)
            continue
        for one in host.of_services:
            groups.setdefault((f"{one.role}.{one.service}", _condition(one)), []).append(name)
    for state in wanted:
        here = facts.hosts.get(state.host)
        if here and isinstance(here.containers, tuple):
            present = {(one.role, one.service) for one in here.of_services}
            for service in state.services:
                if (service.role, service.name) not in present:
                    groups.setdefault((service.key, "absent"), []).append(state.host)
    for name in lost:
        unknown.setdefault("no answer", []).append(name)
    return tuple(_lines(groups, unknown))


def _lines(groups: dict[tuple[str, str], list[str]], unknown: dict[str, list[str]]) -> Iterator[str]:
    width = max((len(service) for service, _ in groups), default=0)
    most = max((len(condition) for _, condition in groups), default=0)
    for (service, condition), hosts in sorted(groups.items()):
        yield f"{service:<{width}}  {condition:<{max(8, most)}}  {fold(hosts)}"
    for reason, hosts in unknown.items():
        yield f"not known, {reason}: {fold(hosts)}"


def _condition(one: Container) -> str:
    version = version_of(one)
    if not one.running:
        return f"{version} {one.state} (exit code {one.exit_code})"
    return version if one.health in {"", "healthy"} else f"{version} {one.health}"


def version_of(one: Container) -> str:
    """The image's tag, which is what the operator calls the version; else the release's name."""
    if one.definition is None:
        return one.release or "?"
    return ImageRef.parse(one.definition.container.image).tag or one.release
