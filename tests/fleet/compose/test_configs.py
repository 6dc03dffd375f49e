"""Compose's ``configs`` on a real engine: what changes in one gets to the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.rehearsal import HostFleet
from tests.fleet.compose.sides import ENGINES, bring_up, file_within, host_of
from tests.support.project import Project
from tests.support.registry import Registry

ROLE = """\
services:
  app:
    image: "${registry}/box:1"
    configs: [{source: motd, target: /etc/motd}]
configs:
  motd: {content: CONTENT}
"""
STATE = "docker inspect -f '{{.Id}} {{.State.Pid}}' changing-test-web-app-1"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_config_that_changes(fleet: HostFleet, registry: Registry, tmp_path: Path, engine: str) -> None:
    host = fleet.host(host_of(engine))
    project = Project(tmp_path, fleet, "changing", registry.address)
    project.inventory({"web": [host.name]})
    seen = []
    for content in ("one", "two"):
        project.write("roles/web/compose.yml", ROLE.replace("CONTENT", content))
        assert bring_up(project) == {host.name: {}}
        container, process = host.run(STATE).split()
        seen.append((container, file_within(host, int(process), "/etc/motd")["content"]))
    assert [content for _, content in seen] == ["one", "two"]
    assert seen[0][0] != seen[1][0]
    # The engine mounts it anew by itself, as after a reboot.
    host.run("docker restart -t 0 changing-test-web-app-1")
    again, process = host.run(STATE).split()
    assert (again, file_within(host, int(process), "/etc/motd")["content"]) == seen[1]
    host.run("docker rm -f changing-test-web-app-1; docker network prune -f; rm -rf /var/lib/fleet")
