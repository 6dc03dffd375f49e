"""What is said of a role as a whole: its hosts, what it needs, how many must stay healthy."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Mapping

from fleet.config.order import Cycle, ordered
from fleet.config.problems import FileProblems, Problems
from fleet.config.roles.services import service_names
from fleet.config.roles.source import RoleSource, is_role
from fleet.config.roles.validate import read
from fleet.config.roles.variables import HostVariables
from fleet.config.roles.xfleet import RoleExtension
from fleet.config.suggest import suggest
from fleet.model.desired import Role
from fleet.model.hosts import Inventory


def read_roles(
    root: pathlib.Path,
    inventory: Inventory,
    sources: Mapping[str, RoleSource],
    variables: HostVariables,
    problems: Problems,
) -> tuple[Role, ...]:
    """All roles with a host, each after those that it needs. ``x-fleet`` is rendered for the first host."""
    own = {name: FileProblems(problems, source.document) for name, source in sources.items()}
    roles = {name: _role(root, inventory, source, variables, own[name]) for name, source in sources.items()}
    order = tuple(roles)
    try:
        order = ordered({name: role.needs for name, role in roles.items()})
    except Cycle as cycle:
        first, second = cycle.names[:2]
        place = sources[first].item(("x-fleet", "needs"), second)
        own[first].add(f"roles need each other in a circle: {cycle}", place)
    return tuple(roles[name] for name in order)


def _role(
    root: pathlib.Path,
    inventory: Inventory,
    source: RoleSource,
    variables: HostVariables,
    problems: FileProblems,
) -> Role:
    hosts = inventory.groups[source.name].members
    header = _extension(inventory, source, variables, problems)
    needs = []
    for index, needed in enumerate(header.needs):
        if needed in inventory.groups and inventory.groups[needed].members and is_role(root, needed):
            needs.append(needed)
        elif not is_role(root, needed):
            known = [path.parent.name for path in root.glob("roles/*/compose.yml")]
            place = ("x-fleet", "needs", index)
            problems.add(f"there is no role {needed!r}{suggest(needed, known)}", place)
    least = header.min_healthy
    if isinstance(least, int) and least > len(hosts):
        what = f"min_healthy is {least}, and the role has {len(hosts)} host{'s' if len(hosts) > 1 else ''}"
        problems.add(what, ("x-fleet", "min_healthy"), hint='lower it, or use a percentage such as "50%"')
    services = service_names(source.document.value)
    return Role(source.name, hosts, tuple(needs), least, services, source.document.at(()))


def _extension(
    inventory: Inventory, source: RoleSource, variables: HostVariables, problems: FileProblems
) -> RoleExtension:
    """The section alone: the role may have no host in this run, and is then not read as a whole."""
    written = source.document.value.get("x-fleet")
    if written is None:
        return RoleExtension()
    first = inventory.hosts[inventory.groups[source.name].members[0]]
    render = functools.partial(source.renderer.compose, variables=variables.in_role(first, source))
    return read(RoleExtension, written, render, problems, ("x-fleet",)) or RoleExtension()
