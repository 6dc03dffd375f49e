"""All services of a role for one host."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from fleet.config.order import Cycle, ordered
from fleet.config.problems import FileProblems
from fleet.config.roles.compose import ComposeFile
from fleet.config.roles.container import container
from fleet.config.roles.files import config_dirs, secret_files
from fleet.config.roles.jobs import jobs
from fleet.config.roles.mounts import volumes
from fleet.config.roles.networks import networks
from fleet.config.roles.rolling import gate, port_pairs, update_policy
from fleet.config.roles.scope import RoleScope, ServiceScope
from fleet.config.roles.source import RoleSource
from fleet.config.roles.traffic import balancer, check_balancer, membership, strategy, virtual_address, watch
from fleet.config.roles.validate import read
from fleet.model.desired import HostState
from fleet.model.services import Service
from fleet.render import Variables
from fleet.suggest import suggest

_PULL = {"if_not_present": "missing"}


def build(
    project: str,
    env: str,
    source: RoleSource,
    host: str,
    variables: Variables,
    problems: FileProblems,
    balancing: Mapping[str, bool],
) -> HostState:
    """What ``host`` runs of the role; ``balancing`` as :class:`RoleScope` has it. Incomplete when
    ``problems`` were added."""
    render = functools.partial(source.renderer.compose, variables=variables)
    file = read(ComposeFile, source.document.value, render, problems)
    if file is None:
        return HostState(host)
    scope = RoleScope(project, env, source, variables, problems, file, balancing)
    services = tuple(_service(ServiceScope(scope, name, file.services[name])) for name in _order(scope))
    attached = {network.name for service in services for network in service.container.networks}
    mounted = {mount.source for service in services for mount in service.container.mounts}
    return HostState(host, services, networks(scope, attached), volumes(scope, mounted), jobs(scope))


def _service(scope: ServiceScope) -> Service:
    model, spec = scope.model, container(scope)
    check_balancer(scope, spec.mounts)
    return Service(
        role=scope.role.role,
        name=scope.name,
        container=spec,
        gate=gate(scope),
        update=update_policy(model.deploy.update_config, model.x_fleet.batches),
        rollback=update_policy(model.deploy.rollback_config),
        pull_policy=_PULL.get(model.pull_policy, model.pull_policy),
        depends_on=tuple(sorted(model.depends_on)),
        port_pair=port_pairs(scope, spec.ports),
        configs=config_dirs(scope, spec.mounts),
        secret_dir=scope.secret_dir if model.secrets else "",
        secrets=secret_files(scope),
        load_balancer=membership(scope, spec.ports),
        balancer=balancer(scope),
        virtual_address=virtual_address(scope),
        strategy=strategy(scope),
        watch=watch(scope),
        at=scope.at,
    )


def _order(scope: RoleScope) -> tuple[str, ...]:
    services = scope.file.services
    for name, model in services.items():
        for needed in model.depends_on:
            if needed not in services:
                place = scope.source.item(("services", name, "depends_on"), needed)
                scope.problems.add(
                    f"there is no service {needed!r}{suggest(needed, services)}", place, key=True
                )
    try:
        return ordered({name: tuple(model.depends_on) for name, model in services.items()})
    except Cycle as cycle:
        what = f"services depend on each other in a circle: {cycle}"
        first, second = cycle.names[:2]
        scope.problems.add(what, scope.source.item(("services", first, "depends_on"), second), key=True)
        return tuple(services)
