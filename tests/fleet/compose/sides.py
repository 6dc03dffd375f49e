"""The same files brought up by ``docker compose`` and by Fleet, and what the engine then says of them."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from fleet.config.inventory import load_inventory
from fleet.config.project import load_desired, open_project
from fleet.model import labels
from fleet.model.refs import all_refs
from fleet.plan.build import plan
from fleet.plan.tree import Plan, Step
from fleet.rehearsal import Host, HostFleet
from fleet.run.gather import gather
from fleet.run.perform import perform
from fleet.secrets import resolve
from fleet.transport.base import ApiFailed, Transport
from fleet.transport.connect import Connector
from fleet.transport.endpoint import endpoint_of
from tests.fleet.compose.keys import FILES, NAMES
from tests.support.hosts import NO_CONFIG
from tests.support.project import ENV, Project

PROJECT = "oracle"
ENGINES = {"20.10": "host-compose", "26.1": "host-trixie"}
"""Each generation, and the image of a host with it."""
PRESET = {"greeting": "hello", "API_TOKEN": "t0ken", "COMPOSE_PROFILES": "oracle"}
"""Variables that the files use: of the inventory and of the environment."""


@dataclass(frozen=True, slots=True)
class Seen:
    """By kind and name what the engine says; and by file what it, or the tool, refused."""

    there: Mapping[tuple[str, str], dict[str, Any]]
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Both:
    """By engine."""

    compose: Mapping[str, Seen]
    fleet: Mapping[str, Seen]


FILES_WITHIN = {
    "configs": ("/settings", "/etc/limits.conf", "/etc/motd", "/etc/token"),
    "include": ("/included",),
    "secrets": ("/run/secrets/token", "/run/secrets/tls.key"),
}
"""What the engine does not tell of: files that are in a container, by the file that they come from."""

# What is there before either of the two. Something answers where journald would.
BEFORE = """
rm -rf /srv/oracle
[ -e /dev/oracle-disk ] || mknod /dev/oracle-disk b 7 0
for network in oracle_net oracle_net2; do docker network create "$network"; done
for volume in external oracle_outside; do docker volume create "$volume"; done
"""
JOURNAL = """
mkdir -p /run/systemd/journal
perl -MSocket -e 'socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, pack_sockaddr_un("/run/systemd/journal/socket"));
                  sleep' >/dev/null 2>&1 &
"""
SWEEP = """
docker ps -aq | xargs -r docker rm -fv
docker network prune -f
docker volume ls -q | xargs -r docker volume rm -f
"""
COMPOSE = """
cd "/oracle/$1"
said=$(docker compose -p "$PROJECT-$1" --progress quiet up -d --quiet-pull 2>&1 </dev/null) ||
    echo "$1: $(echo "$said" | tail -n 1)"
"""


def host_of(engine: str) -> str:
    return f"engine-{engine.replace('.', '-')}"


def by_compose(host: Host, registry: str) -> Seen:
    """Every file by ``docker compose up``, as one would in the file's directory; then all is removed."""
    for path in FILES.rglob("*"):
        if path.is_file():
            host.write(f"/oracle/{path.relative_to(FILES)}", path.read_bytes())
    host.write("/usr/local/bin/up", f"#!/bin/sh\n{COMPOSE}".encode(), 0o755)
    host.run(BEFORE)
    words = " ".join(f"{name}={value}" for name, value in {"registry": registry, **PRESET}.items())
    project = f"PROJECT={PROJECT}-{ENV}"
    said = host.run(f"printf '%s\\n' {' '.join(NAMES)} | {project} {words} xargs -P 3 -n 1 up")
    lines = (line.partition(": ") for line in said.splitlines())
    seen = Seen(look(host), {name: why for name, _, why in lines})
    host.run(SWEEP)
    return seen


def by_fleet(project: Project, hosts: Mapping[str, Host]) -> dict[str, Seen]:
    """The files as roles, on every host at once; then all is removed."""
    for host in hosts.values():
        host.run(BEFORE)
    refused = bring_up(project)
    seen = {name: Seen(look(host), refused[name]) for name, host in hosts.items()}
    for host in hosts.values():
        host.run(SWEEP)
    return seen


def bring_up(project: Project) -> dict[str, dict[str, str]]:
    """Fleet's own facts, plan and operations; what the engine refuses, by host and role. Gates are not waited
    for: they look, and change nothing."""
    inventory = load_inventory(project.root, ENV)
    wanted = open_project(project.root, inventory)
    desired = load_desired(wanted, inventory, tuple(inventory.hosts.values()), "v1")
    keyring = resolve(all_refs(desired), project.root, PRESET)
    known = [project.root / "inventories" / ENV / "known_hosts"]
    with Connector(keyring, known_hosts=known, ssh_config=NO_CONFIG) as connector:
        transports = {name: connector.connect(endpoint_of(host)) for name, host in inventory.hosts.items()}

        def planned() -> Plan:
            gathered = gather(desired, transports, keyring, {}, len(transports))
            assert not gathered.errors, gathered.errors
            made = plan(desired, gathered.facts)
            assert not made.errors, made.errors
            return made

        first = planned()
        with ThreadPoolExecutor(len(transports)) as pool:
            each = pool.map(lambda one: _carried_out(first, *one), transports.items())
            refused = dict(zip(transports, each, strict=True))
        # Nothing is left to do: what the engine made is what was wanted.
        assert {role(step) for step in planned().steps} <= {name for one in refused.values() for name in one}
        for transport in transports.values():
            transport.close()
    return refused


def _carried_out(made: Plan, name: str, transport: Transport) -> dict[str, str]:
    """What the engine refuses, by file."""
    refused = {}
    for step in made.steps:
        if step.host == name:
            try:
                perform(step, transport, lambda _: None, threading.Event())
            except ApiFailed as error:
                refused[role(step)] = error.why or error.what
    return refused


def role(step: Step) -> str:
    """Of a step that makes a container: ``container:role.service``."""
    return step.op.target.partition(":")[2].partition(".")[0]


def roles(project: Project, fleet: HostFleet) -> None:
    """Every file as a role that all hosts have."""
    hosts = [spec.name for spec in fleet.specs]
    project.inventory(dict.fromkeys(NAMES, hosts), fleet_profiles=PRESET["COMPOSE_PROFILES"], **PRESET)
    for name in NAMES:
        shutil.copytree(FILES / name, project.root / "roles" / name)
    for secret in project.root.rglob("*.secret"):
        secret.chmod(0o600)


def of(name: str, seen: Seen) -> dict[tuple[str, str], dict[str, Any]]:
    """What was made of one file: all bears the marks of either tool."""
    ours = {f"{PROJECT}-{ENV}-{name}", name}
    return {
        key: one
        for key, one in seen.there.items()
        if ours & {marks(one).get("com.docker.compose.project"), marks(one).get(labels.ROLE)}
    }


def marks(one: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = one.get("Config", one).get("Labels") or {}
    return found


def look(host: Host) -> dict[tuple[str, str], dict[str, Any]]:
    """All containers, networks and volumes, by kind and name."""
    found = {
        (kind, one["Name"].lstrip("/")): one
        for kind, which in (("container", "ps -aq"), ("network", "network ls -q"), ("volume", "volume ls -q"))
        for one in json.loads(host.run(f"docker {kind} inspect $(docker {which})"))
    }
    for (_, name), one in found.items():
        for file, paths in FILES_WITHIN.items():
            if name.startswith(f"{PROJECT}-{ENV}-{file}-") and "State" in one:
                one["Files"] = {path: file_within(host, one["State"]["Pid"], path) for path in paths}
    return found


def file_within(host: Host, process: int, path: str) -> dict[str, str]:
    inside = f"/proc/{process}/root{path}"
    told = host.run(f"[ ! -f {inside} ] || {{ stat -c '%a %u:%g' {inside}; cat {inside}; }}")
    mode, _, rest = told.partition(" ")
    owner, _, content = rest.partition("\n")
    return {"mode": mode, "owner": owner, "content": content}
