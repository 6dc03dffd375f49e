"""A project directory and its inventory → the state that the hosts of a run shall be in."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from fleet.config import settings
from fleet.config.conflicts import conflicts
from fleet.config.inventory.load import environments
from fleet.config.problems import FileProblems, Problems
from fleet.config.roles.headers import read_roles
from fleet.config.roles.services import build
from fleet.config.roles.source import RoleSource, is_role, load_role
from fleet.config.roles.variables import HostVariables
from fleet.config.suggest import suggest
from fleet.errors import ConfigError, FleetError, UsageError
from fleet.model.desired import Desired, HostState, Role
from fleet.model.hosts import Host, Inventory

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
) -> Desired:
    """What ``hosts_of_run`` shall run at ``version``; only the services of ``roles`` when given.

    Raises ConfigErrors with the errors of all roles and hosts, UsageError for an unknown name in ``roles``.
    """
    problems = Problems()
    variables = HostVariables(inventory, version)
    sources = _sources(project.root, inventory, problems)
    known = read_roles(project.root, inventory, sources, variables, problems)
    _check_names(roles, sources)
    states = [
        _state(project, inventory, host, known, sources, variables, problems)
        for host in (inventory.hosts[host.name] for host in hosts_of_run)
    ]
    for state in states:
        for error in conflicts(state):
            problems.add(error, state.host)
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
    for read in (settings.state_dir, settings.pull_parallel, settings.registries):
        try:
            read(hosts)
        except FleetError as error:
            problems.add(error)


def _sources(root: pathlib.Path, inventory: Inventory, problems: Problems) -> dict[str, RoleSource]:
    found: dict[str, RoleSource] = {}
    for name, group in inventory.groups.items():
        if group.members and is_role(root, name):
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


def _state(
    project: Project,
    inventory: Inventory,
    host: Host,
    roles: Iterable[Role],
    sources: Mapping[str, RoleSource],
    variables: HostVariables,
    problems: Problems,
) -> HostState:
    parts: list[HostState] = []
    for role in roles:
        if host.name not in role.hosts:
            continue
        source = sources[role.name]
        own = FileProblems(problems, source.document, host.name)
        parts.append(
            build(project.name, inventory.env, source, host.name, variables.in_role(host, source), own)
        )
    return HostState(
        host.name,
        tuple(service for part in parts for service in part.services),
        tuple(network for part in parts for network in part.networks),
        tuple(volume for part in parts for volume in part.volumes),
    )


def _only(state: HostState, roles: Collection[str]) -> HostState:
    return replace(
        state,
        services=tuple(service for service in state.services if service.role in roles),
        networks=tuple(network for network in state.networks if network.role in roles),
        volumes=tuple(volume for volume in state.volumes if volume.role in roles),
    )
