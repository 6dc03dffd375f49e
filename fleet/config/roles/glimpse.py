"""What a role's file says of traffic alone, for hosts that nobody deploys to now.

A balancer's configuration names every server of the environment, and a run asks every balancer. Of other
hosts' services no more is rendered for that than their ports and these words.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from fleet.config.problems import FileProblems
from fleet.config.roles.compose import ComposeFile, ServiceModel
from fleet.config.roles.ports import ports
from fleet.config.roles.profiles import active
from fleet.config.roles.rolling import port_pairs
from fleet.config.roles.scope import RoleScope, ServiceScope
from fleet.config.roles.source import RoleSource
from fleet.config.roles.traffic import balancer, membership
from fleet.config.roles.validate import read
from fleet.errors import ConfigError
from fleet.model.gates import GateSpec
from fleet.model.services import ContainerSpec, Service
from fleet.render import Variables

_LISTENS: tuple[str, ...] = ("container_name", "network_mode", "ports", "profiles")
BALANCER, SERVER = ("balancer",), ("load_balancer", "port_pair")
EVERY = ("", "port_pair")


def glimpse(
    words: tuple[str, ...],
    project: str,
    env: str,
    source: RoleSource,
    variables: Variables,
    problems: FileProblems,
    balancing: Mapping[str, bool],
) -> list[Service]:
    """The services of one host that have the first of ``words`` in their ``x-fleet``, or all when that is
    empty, with what the words say, and where they listen. Without those that are wrong: what is said in
    ``problems``."""
    render = functools.partial(source.renderer.compose, variables=variables)

    def mapping(written: Any, *path: str) -> dict[str, Any]:
        """A template may stand for a whole section. What is no mapping has nothing to say here."""
        try:
            value = render(written) if isinstance(written, str) else written
        except ConfigError as error:
            problems.take(error, path)
            return {}
        return value if isinstance(value, dict) else {}

    found: list[Service] = []
    for name, section in mapping(source.document.value.get("services"), "services").items():
        service = mapping(section, "services", name)
        extension = mapping(service.get("x-fleet"), "services", name, "x-fleet")
        if words[0] and extension.get(words[0]) is None:
            continue
        part = {key: service[key] for key in _LISTENS if key in service}
        deploy = mapping(service.get("deploy"), "services", name, "deploy")
        part["deploy"] = {key: deploy[key] for key in ("replicas",) if key in deploy}
        part["x-fleet"] = {key: extension[key] for key in words if key in extension}
        model = read(ServiceModel, {"image": "none", **part}, render, problems, ("services", name))
        try:
            here = model is not None and active(model, source, variables)
        except ConfigError as error:
            problems.take(error, ("services", name, "profiles"))
            continue
        if model and here:
            file = ComposeFile.model_construct(services={name: model})
            role = RoleScope(project, env, source, variables, problems, file, balancing)
            found += map(_seen, ServiceScope(role, name, model).instances())
    return found


def _seen(scope: ServiceScope) -> Service:
    published = ports(scope)
    return Service(
        scope.role.role,
        scope.full_name,
        ContainerSpec(scope.container_name, "", ports=published, network_mode=scope.model.network_mode),
        GateSpec(),
        port_pair=port_pairs(scope, published),
        load_balancer=membership(scope, published),
        balancer=balancer(scope),
        at=scope.at,
        instance=scope.instance,
        replicas=scope.model.deploy.replicas,
    )
