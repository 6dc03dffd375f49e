"""What an operator types around releases, and what then lies on the hosts, read past Fleet's own code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fleet.rehearsal import Host, HostFleet
from tests.support.look import containers
from tests.support.project import ENV, Done, Project, Running
from tests.support.webs import WEB

LEASE = 5
"""Seconds; the shortest that is allowed."""

EVERYTHING = """
cd {base} 2>/dev/null || exit 0
find . -type f ! -name lease ! -name lock ! -path '*/fence/*' -printf '%p %s %T@\\n' | sort
"""
HALF_MADE = r"""
find / -xdev \( -name '*.new' -o -name 'new.*' -o -name new -o -name copy.old \) 2>/dev/null |
  grep {name} || :
"""


@dataclass(slots=True)
class Operator:
    """At the keyboard of one project. ``state_dir`` as the inventory has it."""

    project: Project
    state_dir: str = "/var/lib/fleet"

    def inventory(self, groups: Mapping[str, Sequence[str]] | None = None, **vars: Any) -> None:
        """All three hosts are in ``web``; the ledger is on web-1, with the shortest lease."""
        settings = {"fleet_ledger": "web-1", "fleet_lease_seconds": LEASE, **vars}
        self.state_dir = settings.get("fleet_state_dir", self.state_dir)
        self.project.inventory(groups or {"web": WEB}, **settings)

    def deploy(self, version: str, *words: str) -> Done:
        return self.project.deploy(version, *words)

    def resume(self, *words: str) -> Done:
        return self.project.run("deploy", "--env", ENV, "--yes", "--resume", *words)

    def begin(self, version: str, *words: str) -> Running:
        return self.project.start(version, *words)

    def say(self, task: str, *words: str) -> Done:
        """Any other task."""
        return self.project.run(task, "--env", ENV, *words)

    @property
    def base(self) -> str:
        return f"{self.state_dir}/releases/{self.project.name}/{ENV}"

    def name(self, role: str = "web", service: str = "app") -> str:
        """Of a container."""
        return f"{self.project.name}-{ENV}-{role}-{service}-1"


def slowly(fleet: Operator, seconds: str = "800ms", **update: object) -> None:
    """Host by host, with a while at each gate: time enough to meet a run in its middle."""
    fleet.project.role(update={"parallelism": 1, **update}, gate={"healthy_for": seconds, "deadline": "20s"})


@contextmanager
def out_of_order(host: Host) -> Iterator[None]:
    """Whatever is deployed to it meanwhile does not get healthy: a firewall keeps the checks out."""
    rule = "OUTPUT -p tcp --dport 8000 -j REJECT"
    host.run(f"iptables -w -I {rule}")
    try:
        yield
    finally:
        host.run(f"iptables -w -D {rule}")


def expires(operator: Operator, host: Host) -> None:
    """Wait until the lease that ``host`` keeps has run out by that host's clock."""
    host.run(
        f"cd {operator.base}; read -r token expires state <lease; "
        'until [ "$(date +%s)" -ge "$expires" ]; do sleep 0.1; done'
    )


def history(operator: Operator, host: Host) -> list[tuple[int, str, list[str]]]:
    """Number, version and what became of it, entry by entry, as the ledger's files on ``host`` tell it."""
    return told(host.run(f"cd {operator.base}/ledger && head -n 1 -v [0-9]*.head [0-9]*.e[0-9]*"))


def told(text: str) -> list[tuple[int, str, list[str]]]:
    """Of ``head -v``: a line with the file's name, and its first line."""
    files = {}
    for part in text.split("==> ")[1:]:
        name, _, rest = part.partition(" <==\n")
        files[name] = json.loads(rest.strip())
    heads = {name.removesuffix(".head"): one for name, one in files.items() if name.endswith(".head")}
    return [
        (int(stem), head["head"]["version"], [
            files[name]["entry"].get("outcome", "") for name in sorted(files) if name.startswith(f"{stem}.e")
        ])
        for stem, head in sorted(heads.items())
    ]  # fmt: skip


def everything(operator: Operator, hosts: HostFleet) -> dict[str, Any]:
    """What a run could change on any host: containers with the time they began, configuration, ledger. Not
    who may: lease and fence."""
    found = {}
    for name in WEB:
        host = hosts.host(name)
        found[name] = (
            {one["Id"]: (one["Name"], one["State"]["StartedAt"], one["State"]["Status"])
             for one in containers(host).values()},
            host.run(EVERYTHING.format(base=operator.state_dir)),
        )  # fmt: skip
    return found


def leavings(hosts: HostFleet, project: str) -> list[str]:
    """Half-made files of the project and containers with a name of passage, on any host."""
    found = []
    for name in WEB:
        host = hosts.host(name)
        half = host.run(HALF_MADE.format(name=f"/{project}/")).split()
        passing = [one for one in containers(host) if one.endswith((".next", ".old"))]
        found += [f"{name}: {one}" for one in (*half, *passing)]
    return found
