"""What is to be thought of a host's facts before anybody wants to change it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fleet.model.desired import Desired, HostState
from fleet.model.examined import Diagnosis, Verdict
from fleet.model.found import Engine, Facts, HostFacts
from fleet.model.images import DOCKER_HUB, ImageRef
from fleet.plan.lint import conflicts, readable

OLDEST = (20, 10)
"""The Docker Engine that Fleet is tested with, and its successors."""

HUB = "registry-1.docker.io"
"""Whom an engine asks for images that name no registry."""


def engine(desired: Desired, state: HostState, host: HostFacts) -> Iterator[Diagnosis]:
    """Is there an engine, may we use it, is it new enough, and could everything be read?"""
    findings = list(readable(replace(desired, hosts=(state,)), Facts({host.host: host})))
    for finding in findings:
        yield Diagnosis("docker", host.host, Verdict.ERROR, finding.what, finding.hint)
    if isinstance(host.engine, Engine) and not findings:
        version = tuple(int(part) for part in host.engine.version.split(".")[:2] if part.isdecimal())
        if version < OLDEST:
            yield Diagnosis(
                "docker", host.host, Verdict.WARNING,
                f"{host.engine.version} is older than what Fleet is tested with",
                "update it to 20.10 or newer",
            )  # fmt: skip
        else:
            yield Diagnosis("docker", host.host, Verdict.OK, host.engine.version)


def ports(state: HostState, host: HostFacts) -> Iterator[Diagnosis]:
    """What others have that the services of the host need, in both of their slots."""
    asked = False
    taken: dict[str, str] = {}
    for service in state.services:
        for slot in (1, 2) if service.port_pair else (1,):
            asked = True
            taken.update({finding.what: finding.hint for finding in conflicts(service, slot, host)})
    for what, hint in taken.items():
        yield Diagnosis("ports", state.host, Verdict.ERROR, what, hint)
    if asked and not taken:
        yield Diagnosis("ports", state.host, Verdict.OK, "none is taken by others")


def registries(state: HostState) -> dict[str, str]:
    """Registry → an image that the host gets from it."""
    images = [one.container.image for one in state.services if one.pull_policy != "never"]
    return {ImageRef.parse(image).registry: image for image in reversed(images)}


def names(state: HostState) -> tuple[str, ...]:
    """Names that the host has to know."""
    return tuple(filter(None, (_name(registry) for registry in registries(state))))


def _name(registry: str) -> str:
    """Empty for an address."""
    if registry == DOCKER_HUB:
        return HUB
    name = registry.rpartition(":")[0] if registry.rpartition(":")[2].isdecimal() else registry
    return "" if name.startswith("[") or name.replace(".", "").isdecimal() else name


def directories(desired: Desired, state: HostState, host: HostFacts) -> tuple[str, ...]:
    """Where there has to be room; the engine's own directory first."""
    places = [host.engine.root_dir] if isinstance(host.engine, Engine) else []
    places.append(desired.state_dir)
    for service in state.services:
        places += [config.directory for config in service.configs]
        places += [service.secret_dir] if service.secrets else []
    return tuple(dict.fromkeys(filter(None, places)))
