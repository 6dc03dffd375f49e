"""Real hosts: controllers are killed, networks cut and engines restarted in the midst of deploys."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.rehearsal import HostFleet, host_fleet
from tests.support.chaos import Site, chaos
from tests.support.project import ENV, Project, service
from tests.support.webs import WEB, app_registry

POINTS = int(os.environ.get("CHAOS_POINTS") or 12)
"""More of them: ``CHAOS_POINTS=20``."""
LINES = 27


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[HostFleet]:
    with host_fleet("test-chaos", WEB, tmp_path / "keys") as fleet:
        yield fleet


@pytest.fixture
def project(tmp_path: Path, hosts: HostFleet) -> Iterator[Project]:
    """An application with configuration and a secret, replaced host by host; two of three have to serve."""
    registry = app_registry(hosts)
    project = Project(tmp_path / "project", hosts, "chaos", registry.address)
    project.inventory({"web": WEB}, fleet_ledger=WEB[0], fleet_lease_seconds=5)
    project.write("secrets/token", "s3cret-t0ken\n").chmod(0o600)
    project.write(f"inventories/{ENV}/group_vars/all.yml", "token: !secret file:secrets/token\n")
    project.write("roles/web/templates/app.conf.j2", "level = {{ 'debug' if version == 'v2' else 'info' }}\n")
    app = service(
        update={"parallelism": 1, "order": "stop-first"},
        x={"config": [{"directory": "/srv/app", "files": {"app.conf": "app.conf.j2"}}]},
        volumes=["/srv/app:/etc/app:ro"],
        secrets=["token"],
    )
    token = {"token": {"x-fleet": {"value": "{{ token }}"}}}
    project.compose("web", {"app": app}, x_fleet={"min_healthy": 2}, secrets=token)
    yield project
    project.close()
    registry.close()


def test_whatever_breaks_the_fleet_serves_and_the_next_run_converges(
    hosts: HostFleet, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or random.randrange(10_000))
    site = Site(
        root=project.root,
        env=ENV,
        versions=("v1", "v2"),
        fragile={name: hosts.host(name) for name in WEB},
        urls={name: f"http://{hosts.host(name).address}:8001/health" for name in WEB},
        minimum=2,
        keeper=hosts.host(WEB[0]),
        ledger=f"/var/lib/fleet/releases/{project.name}/{ENV}/ledger",
        lines=LINES,
    )
    print(f"seed {seed}")
    summary = chaos(site, POINTS, seed, print)
    with capsys.disabled():
        print(f"\n{summary}")
