"""Small wishes and facts for unit tests, each with one thing worth looking at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from fleet.facts.images import local_name
from fleet.model import codec
from fleet.model.desired import Desired, HostState, Role
from fleet.model.found import Container, Engine, Facts, HostFacts, Image
from fleet.model.gates import GateSpec
from fleet.model.images import ImageRef
from fleet.model.jobs import Job, job_digest
from fleet.model.services import Batches, ContainerSpec, Port, Service, UpdatePolicy
from fleet.ops.job import one_off

REGISTRY = "registry.example:5000"


def digest_of(image: str) -> str:
    """A digest that says which tag it is of."""
    return "sha256:" + ImageRef.parse(image).tag.encode().hex().ljust(64, "0")


def service(name: str = "app", role: str = "web", version: str = "v1", **fields: object) -> Service:
    container = ContainerSpec(
        name=f"shop-test-{role}-{name}-1",
        image=f"{REGISTRY}/{name}:{version}",
        ports=(Port(8000, 8001),),
        restart="unless-stopped",
    )
    made = Service(role, name, container, GateSpec(), UpdatePolicy(Batches((1,))))
    return replace(made, **fields)  # type: ignore[arg-type]


def desired(
    services: Mapping[str, Iterable[Service]], version: str = "v1", **roles: Mapping[str, object]
) -> Desired:
    """Services by host; roles in order of appearance, with fields by role name."""
    found: dict[str, Role] = {}
    states = []
    for host, given in services.items():
        ours = tuple(given)
        states.append(HostState(host, ours))
        for one in ours:
            role = found.get(one.role, Role(one.role, ()))
            hosts = role.hosts if host in role.hosts else (*role.hosts, host)
            names = role.services if one.name in role.services else (*role.services, one.name)
            found[one.role] = replace(role, hosts=hosts, services=names)
    made = tuple(replace(role, **roles.get(role.name, {})) for role in found.values())  # type: ignore[arg-type]
    return Desired("shop", "test", version, "/var/lib/fleet", made, tuple(states))


def migration(**fields: object) -> Job:
    """A job of ``web.app``."""
    made = Job("web", "migrate", "app", ("./manage.py", "migrate"), down=("./manage.py", "migrate", "zero"))
    return replace(made, **fields)  # type: ignore[arg-type]


def with_jobs(wish: Desired, *jobs: Job) -> Desired:
    """The jobs on every host of the wish."""
    return replace(wish, hosts=tuple(replace(state, jobs=jobs) for state in wish.hosts))


def pinned(image: str) -> str:
    return ImageRef.parse(image).pinned(digest_of(image))


def job_container(job: Job, one: Service, id: str = "job-1", **fields: object) -> Container:
    """What a run that was cut off has left of ``job``: it still runs."""
    image = pinned(one.container.image)
    made = container(
        one_off("shop", "test", job, one, job.command or ()), id, spec_digest=job_digest(job, image),
        image=image, job=job.name,
    )  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


def container(one: Service, id: str = "", **fields: object) -> Container:
    """What runs when ``one`` was deployed as written."""
    image = ImageRef.parse(one.container.image).pinned(digest_of(one.container.image))
    made = Container(
        id=id or f"{one.name}-old",
        name=one.container.name,
        role=one.role,
        service=one.name,
        release="v0",
        spec_digest=codec.digest(one, image, {}),
        image=image,
        state="running",
        definition=one,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def host_facts(
    host: str, containers: Iterable[Container] = (), images: Iterable[str] = (), **fields: object
) -> HostFacts:
    """``images``: references that are on the host."""
    found = {}
    for image in images:
        ref = ImageRef.parse(image)
        found[local_name(image)] = Image("sha256:local", (ref.pinned(digest_of(image)),))
    facts = HostFacts(host, Engine("26.1"), tuple(containers), found, key=b"k" * 32)
    facts = replace(facts, networks=("bridge",), proven=tuple(one.id for one in facts.containers))
    return replace(facts, **fields)  # type: ignore[arg-type]


def facts_for(wish: Desired, *hosts: HostFacts) -> Facts:
    """Facts in which the registries have answered for every image of ``wish``."""
    images = {one.container.image for state in wish.hosts for one in state.services}
    found = {state.host: host_facts(state.host) for state in wish.hosts}
    found |= {host.host: host for host in hosts}
    return Facts(found, {image: digest_of(image) for image in images}, {name: {} for name in found})
