"""A project directory and its inventory → the state that the hosts of a run shall be in."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from fleet.config import settings
from fleet.config.conflicts import conflicts
from fleet.config.elsewhere import Elsewhere
from fleet.config.inventory.load import environments
from fleet.config.order import Cycle, ordered
from fleet.config.peers import Peers
from fleet.config.problems import FileProblems, Problems
from fleet.config.roles.backends import Backends
from fleet.config.roles.services import build
from fleet.config.roles.source import RoleSource, is_role, known_roles, load_role
from fleet.config.roles.validate import read
from fleet.config.roles.variables import HostVariables
from fleet.config.roles.xfleet import RoleExtension
from fleet.config.tasks.read import twice, with_tasks
from fleet.config.traffic import Traffic
from fleet.errors import ConfigError, FleetError, UsageError
from fleet.model.desired import Desired, HostState, Role
from fleet.model.hosts import Host, Inventory
from fleet.suggest import suggest

__all__ = ["Project", "environments", "load_desired", "open_project", "rendered_hosts"]


@dataclass(frozen=True, slots=True)
class Project:
    root: pathlib.Path
    name: str


def open_project(root: pathlib.Path, inventory: Inventory) -> Project:
    """The project in ``root``. Raises ConfigError: ``fleet_project`` is no name, or differs by host."""
    hosts = rendered_hosts(inventory)
    return Project(root, settings.project_name(hosts.values(), root.resolve().name))


def rendered_hosts(inventory: Inventory, version: str | None = None) -> Mapping[str, Host]:
    """All hosts with those variables rendered that Fleet itself reads: ``ansible_…`` and ``fleet_…``.

    Without ``version`` that name is undefined. Raises ConfigErrors with everything that cannot be rendered.
    """
    problems = Problems()
    variables = HostVariables(inventory, version)
    hosts = _rendered(inventory, inventory.hosts.values(), variables, problems)
    problems.raise_any()
    return {host.name: host for host in hosts}


def load_desired(
    project: Project,
    inventory: Inventory,
    hosts_of_run: Sequence[Host],
    version: str,
    roles: Collection[str] | None = None,
    behind: Collection[str] = (),
) -> Desired:
    """What ``hosts_of_run`` shall run at ``version``; only the services of ``roles`` when given.
    ``behind``: hosts that are left out for now, for templates that name hosts.

    Raises ConfigErrors with the errors of all roles and hosts, UsageError for an unknown name in ``roles``.
    """
    problems = Problems()
    variables = HostVariables(inventory, version, behind)
    carried = [name for name, one in inventory.groups.items() if one.members and is_role(project.root, name)]
    sources = _sources(project.root, carried, problems)
    balancing = {name: name not in sources or sources[name].may_say("balancer") for name in carried}
    elsewhere = Elsewhere(project.name, inventory, variables, problems, sources, balancing)
    traffic = Traffic(elsewhere)
    variables.share("backends", Backends(lambda: traffic.backends(behind)))
    reading = _Reading(project, inventory, variables, problems, sources, balancing, Peers(elsewhere))
    known = reading.roles()
    _check_names(roles, reading.sources)
    states = [reading.state(host.name, known) for host in hosts_of_run]
    for state in states:
        for error in (*conflicts(state), *twice(state)):
            problems.add(error, state.host)
    balancers = traffic.balancers()
    rendered = _rendered(inventory, hosts_of_run, variables, problems)
    if not problems:
        _check_settings(problems, rendered)
    problems.raise_any()
    if roles is not None:
        states = [_only(state, roles) for state in states]
    return Desired(
        project.name,
        inventory.env,
        version,
        settings.state_dir(rendered),
        known,
        tuple(states),
        settings.pull_parallel(rendered),
        balancers=balancers,
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """All roles of one inventory while they are read."""

    project: Project
    inventory: Inventory
    variables: HostVariables
    problems: Problems
    sources: Mapping[str, RoleSource]
    balancing: Mapping[str, bool]
    peers: Peers

    def roles(self) -> tuple[Role, ...]:
        """All roles with a host, each after those that it needs."""
        roles = {name: self._role(source) for name, source in self.sources.items()}
        try:
            return tuple(roles[name] for name in ordered({name: role.needs for name, role in roles.items()}))
        except Cycle as cycle:
            source, needed = self.sources[cycle.names[0]], cycle.names[1]
            place = source.item(("x-fleet", "needs"), needed)
            FileProblems(self.problems, source.document).add(
                f"roles need each other in a circle: {cycle}", place
            )
            return tuple(roles.values())

    def _role(self, source: RoleSource) -> Role:
        problems = FileProblems(self.problems, source.document)
        hosts = self.inventory.groups[source.name].members
        header = self._extension(source, hosts[0], problems)
        for index, needed in enumerate(header.needs):
            if not is_role(self.project.root, needed):
                near = suggest(needed, known_roles(self.project.root))
                problems.add(f"there is no role {needed!r}{near}", ("x-fleet", "needs", index))
        least = header.min_healthy
        if isinstance(least, int) and least > len(hosts):
            what = (
                f"min_healthy is {least}, and the role has {len(hosts)} host{'s' if len(hosts) > 1 else ''}"
            )
            hint = 'lower it, or use a percentage such as "50%"'
            problems.add(what, ("x-fleet", "min_healthy"), hint=hint)
        needs = tuple(needed for needed in header.needs if needed in self.sources)
        return Role(source.name, hosts, needs, least, source.service_names, source.document.at(()))

    def _extension(self, source: RoleSource, host: str, problems: FileProblems) -> RoleExtension:
        """The section alone, as the first host has it: no host of the role may be in this run."""
        written = source.document.value.get("x-fleet")
        if written is None:
            return RoleExtension()
        variables = self.variables.in_role(self.inventory.hosts[host], source)
        render = functools.partial(source.renderer.compose, variables=variables)
        return read(RoleExtension, written, render, problems, ("x-fleet",)) or RoleExtension()

    def state(self, host: str, roles: Iterable[Role]) -> HostState:
        parts, env = [], self.inventory.env
        for source in (self.sources[role.name] for role in roles if host in role.hosts):
            variables = self.variables.in_role(self.inventory.hosts[host], source)
            problems = FileProblems(self.problems, source.document, host)
            part = build(
                self.project.name, env, source, host, variables, problems, self.balancing, self.peers
            )
            parts.append(with_tasks(part, source, variables, self.problems))
        return HostState(
            host,
            tuple(service for part in parts for service in part.services),
            tuple(network for part in parts for network in part.networks),
            tuple(volume for part in parts for volume in part.volumes),
            tuple(job for part in parts for job in part.jobs),
            tuple(task for part in parts for task in part.tasks),
            tuple(handler for part in parts for handler in part.handlers),
        )


def _rendered(
    inventory: Inventory, hosts: Iterable[Host], variables: HostVariables, problems: Problems
) -> list[Host]:
    found = []
    for host in hosts:
        try:
            found.append(variables.rendered(inventory.hosts[host.name]))
        except ConfigError as error:
            problems.add(error, host.name)
    return found


def _check_settings(problems: Problems, hosts: Sequence[Host]) -> None:
    for setting in (
        settings.state_dir, settings.pull_parallel, settings.registries, settings.volume_image,
        settings.volume_keep,
    ):  # fmt: skip
        try:
            setting(hosts)
        except FleetError as error:
            problems.add(error)


def _sources(root: pathlib.Path, roles: Iterable[str], problems: Problems) -> dict[str, RoleSource]:
    found: dict[str, RoleSource] = {}
    for name in roles:
        try:
            found[name] = load_role(root, name)
        except FleetError as error:
            problems.add(error)
    return found


def _check_names(roles: Collection[str] | None, sources: Mapping[str, RoleSource]) -> None:
    for name in roles or ():
        if name not in sources:
            hint = f"roles with hosts here: {', '.join(sorted(sources)) or 'none'}"
            raise UsageError(f"no role {name!r} in this environment{suggest(name, sources)}", hint=hint)


def _only(state: HostState, roles: Collection[str]) -> HostState:
    return replace(
        state,
        services=tuple(service for service in state.services if service.role in roles),
        networks=tuple(network for network in state.networks if network.role in roles),
        volumes=tuple(volume for volume in state.volumes if volume.role in roles),
        jobs=tuple(job for job in state.jobs if job.role in roles),
        tasks=tuple(task for task in state.tasks if task.role in roles),
        handlers=tuple(handler for handler in state.handlers if handler.role in roles),
    )
