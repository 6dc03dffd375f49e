"""All services of a role for one host."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping

from fleet.config.order import Cycle, ordered
from fleet.config.problems import FileProblems
from fleet.config.roles.compose import ComposeFile, ServiceModel
from fleet.config.roles.container import container
from fleet.config.roles.files import config_dirs, configs, secret_files
from fleet.config.roles.instances import check_instances
from fleet.config.roles.jobs import jobs
from fleet.config.roles.mounts import volumes
from fleet.config.roles.networks import networks
from fleet.config.roles.peer import Peers
from fleet.config.roles.profiles import active
from fleet.config.roles.rolling import gate, port_pairs, update_policy
from fleet.config.roles.scope import RoleScope, ServiceScope
from fleet.config.roles.source import RoleSource
from fleet.config.roles.traffic import balancer, check_balancer, membership, strategy, virtual_address, watch
from fleet.config.roles.transitions import transition
from fleet.config.roles.validate import read
from fleet.config.settings import PROFILES
from fleet.errors import ConfigError
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
    peers: Peers,
) -> HostState:
    """What ``host`` runs of the role; the last two as :class:`RoleScope` has them. Incomplete when
    ``problems`` were added."""
    if not source.files:
        return HostState(host)
    render = functools.partial(source.renderer.compose, variables=variables)
    file = read(ComposeFile, source.document.value, render, problems)
    if file is None:
        return HostState(host)
    scope = RoleScope(project, env, source, variables, problems, file, balancing, peers)
    order = _order(scope, _present(scope))
    services = tuple(
        _service(instance, order)
        for name in order
        for instance in ServiceScope(scope, name, file.services[name]).instances()
    )
    attached = {network.name for service in services for network in service.container.networks}
    mounted = {mount.source for service in services for mount in service.container.mounts}
    return HostState(host, services, networks(scope, attached), volumes(scope, mounted), jobs(scope))


def _service(scope: ServiceScope, present: Collection[str]) -> Service:
    model, spec = scope.model, container(scope)
    check_balancer(scope, spec.mounts)
    check_instances(scope)
    return Service(
        role=scope.role.role,
        name=scope.full_name,
        container=spec,
        gate=gate(scope),
        update=update_policy(model.deploy.update_config, model.x_fleet.batches),
        rollback=update_policy(model.deploy.rollback_config),
        pull_policy=_PULL.get(model.pull_policy, model.pull_policy),
        depends_on=tuple(sorted(set(model.depends_on) & set(present))),
        port_pair=port_pairs(scope, spec.ports),
        configs=(*config_dirs(scope, spec.mounts), *configs(scope)),
        secret_dir=scope.secret_dir if model.secrets else "",
        secrets=secret_files(scope),
        load_balancer=membership(scope, spec.ports),
        balancer=balancer(scope),
        virtual_address=virtual_address(scope),
        strategy=strategy(scope),
        watch=watch(scope),
        at=scope.at,
        instance=scope.instance,
        replicas=model.deploy.replicas,
        pre_start=transition(scope, "pre_start"),
        pre_stop=transition(scope, "pre_stop"),
        stopped=transition(scope, "stopped"),
    )


def _present(scope: RoleScope) -> Mapping[str, ServiceModel]:
    """Those that the host has, by its profiles."""
    found = {}
    for name, model in scope.file.services.items():
        try:
            if active(model, scope.source, scope.variables):
                found[name] = model
        except ConfigError as error:
            scope.problems.take(error, ("services", name, "profiles"))
    return found


def _order(scope: RoleScope, services: Mapping[str, ServiceModel]) -> tuple[str, ...]:
    needs = {name: tuple(_needed(scope, name, model, services)) for name, model in services.items()}
    try:
        return ordered(needs)
    except Cycle as cycle:
        what = f"services depend on each other in a circle: {cycle}"
        first, second = cycle.names[:2]
        scope.problems.add(what, scope.source.item(("services", first, "depends_on"), second), key=True)
        return tuple(services)


def _needed(
    scope: RoleScope, name: str, model: ServiceModel, services: Mapping[str, ServiceModel]
) -> Iterator[str]:
    """What it depends on, of what is there; that the rest is missing is wrong unless it says otherwise."""
    for needed, how in model.depends_on.items():
        if needed in services:
            yield needed
        elif how is None or how.required:
            what, hint = f"there is no service {needed!r}{suggest(needed, scope.file.services)}", ""
            if needed in scope.file.services:
                what = f"service {needed!r} has a profile that this host does not have"
                hint = f"name the profile in {PROFILES}, or say required: false"
            place = scope.source.item(("services", name, "depends_on"), needed)
            scope.problems.add(what, place, hint=hint, key=True)
