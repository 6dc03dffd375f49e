"""Data upgrades by whole runs on a real host: a good one, bad ones, one that is killed, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from fleet.rehearsal import HostFleet, host_fleet
from tests.fleet.volumes.moves import SWEEP
from tests.support.app_image import AppRegistry
from tests.support.project import Done, Project, service

STARTS = "echo $$VERSION >>/data/log; exec /app"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostFleet]:
    with host_fleet("test-upgrades", ["db-1", "db-2"], tmp_path_factory.mktemp("keys")) as fleet:
        yield fleet


@dataclass
class Shop:
    project: Project
    hosts: HostFleet

    def role(self, upgrade: str = "", owner: str = "") -> None:
        """``upgrade``: a command for a shell. ``owner``: of the data, and of a volume that is new."""
        mounts = ["data:/data", *(["new:/new"] if owner else [])]
        app = service(entrypoint=["/bin/sh", "-c", STARTS], volumes=mounts)
        image = f"{self.project.registry}/tools:1"
        made = {"image": image, "entrypoint": ["/bin/sh", "-c"], "command": [upgrade]} if upgrade else {}
        care = {"volumes": {"data": {"upgrade": made}}} if made else {}
        if owner:
            care = {"volumes": {"data": {"owner": owner}, "new": {"owner": owner}}}
        volumes = {"data": None, **({"new": None} if owner else {})}
        self.project.compose("web", {"app": app}, volumes=volumes, x_fleet=care)

    def deploy(self, version: str) -> Done:
        return self.run("deploy", "--version", version, "--yes")

    def run(self, *words: str) -> Done:
        return self.project.run(*words, "--env", "test", timeout=600)

    def log(self) -> str:
        path = "/var/lib/docker/volumes/shop-test-web_data/_data/log"
        return " ".join(self.hosts.host("db-1").run(f"cat {path}").split())

    def owners(self, volume: str = "data") -> list[str]:
        """Whose its entries are."""
        path = f"/var/lib/docker/volumes/shop-test-web_{volume}/_data"
        return self.hosts.host("db-1").run(f"find {path} -exec stat -c %u:%g {{}} + | sort -u").split()

    def snapshots(self) -> list[dict[str, str]]:
        """The newest first."""
        said = self.run("volumes", "list", "data", "--json").ended(0).out
        return [json.loads(line) for line in said.splitlines()]


@pytest.fixture
def shop(hosts: HostFleet, client: docker.DockerClient, helper_image: str, tmp_path: Path) -> Iterator[Shop]:
    registry = AppRegistry(str(next(hosts.subnet.hosts())))
    for version, mode in (("v1", "healthy"), ("v2", "healthy"), ("v3", "sick")):
        registry.app(version, mode)
    registry.app("1", name="tools")
    registry.saved(b"".join(client.images.get(helper_image).save()), "1", "fleet-volumes")
    project = Project(tmp_path / "project", hosts, "shop", registry.address)
    project.inventory(
        {"web": ["db-1"], "spare": ["db-2"]}, fleet_volume_image=f"{registry.address}/fleet-volumes:1"
    )
    yield Shop(project, hosts)
    project.close()
    registry.close()
    for name in ("db-1", "db-2"):
        hosts.host(name).run(SWEEP)


def test_upgrades_good_and_bad_and_back(shop: Shop) -> None:
    shop.role()
    shop.deploy("v1").ended(0)
    shop.role("echo upgraded >>/data/log")
    shop.project.plan("v2").says("upgrade volume shop-test-web_data (a snapshot is taken first;")
    shop.deploy("v2").ended(0).says("is upgraded; what was there is snapshot")
    assert shop.log() == "v1 upgraded v2"
    shop.project.plan("v2").ended(0)

    # One that fails, with half of it done.
    shop.role(": >/data/log; echo no more room; exit 3")
    bad = shop.deploy("v1").ended(3)
    bad.says("no more room", "exit status 3", "volume shop-test-web_data is used on db-1 as before")
    assert shop.log() == "v1 upgraded v2 v2"

    # One after which the new version is not healthy.
    shop.role("echo more >>/data/log")
    shop.deploy("v3").ended(3).says("restore volume shop-test-web_data from snapshot")
    assert shop.log() == "v1 upgraded v2 v2 v2"

    # Back to before the first: not on this data, and the data does not come back by itself.
    first = shop.snapshots()[-1]
    back = shop.run("rollback", "--to", "v1", "--yes").ended(1)
    back.says("has had an upgrade that this version does not know", f"--snapshot {first['id']}")
    shop.role("echo upgraded >>/data/log")
    shop.run("volumes", "restore", "data", "--snapshot", first["id"], "--yes").ended(0)
    assert shop.log() == "v1"
    shop.run("rollback", "--to", "v1", "--yes").ended(0)
    assert shop.log() == "v1 v1"


def test_another_owner_and_back(shop: Shop) -> None:
    shop.role()
    shop.deploy("v1").ended(0)
    tool = "/var/lib/docker/volumes/shop-test-web_data/_data/tool"
    host = shop.hosts.host("db-1")
    host.run(f"cp /bin/true {tool} && chown 5:6 {tool} && chmod 4755 {tool}")
    shop.role(owner="70:71")
    plan = shop.project.plan("v2")
    plan.says("volume shop-test-web_data: owner 0:0 → 70:71, 3 files (a snapshot is taken first;")
    plan.says("create volume shop-test-web_new, owner 70:71")
    shop.deploy("v2").ended(0).says("3 of 3 entries got owner 70:71, and nothing else is different")
    # What the new version, which is root here, has written since is its own.
    assert shop.owners() == ["70:71"]
    assert shop.owners("new") == ["70:71"]
    assert host.run(f"stat -c %a {tool}").strip() == "4755"
    assert shop.log() == "v1 v2"
    shop.project.plan("v2").ended(0)

    # The new version is not healthy: each has the owner that it had before.
    shop.role(owner="80:80")
    host.run(f"chown 5:6 {tool}")
    shop.deploy("v3").ended(3).says("restore volume shop-test-web_data from snapshot")
    assert shop.owners() == ["5:6", "70:71"]
    assert shop.log() == "v1 v2 v2"

    # Back to the one whose role said nothing: whose it was is known.
    shop.run("rollback", "--to", "v1", "--yes").ended(0).says("owner 70:71 → 0:0")
    assert shop.owners() == ["0:0"]
    assert shop.log() == "v1 v2 v2 v1"


def test_a_snapshot_on_another_host_and_back(shop: Shop) -> None:
    shop.role()
    shop.deploy("v1").ended(0)
    shop.run("volumes", "snapshot", "data", "--to", "db-2").ended(0).says("is on db-2", "byte for byte")
    (one,) = shop.snapshots()
    assert one["host"] == "db-2"
    here, there = (shop.hosts.host(name) for name in ("db-1", "db-2"))
    assert here.run("docker volume ls -q").split() == ["shop-test-web_data"]
    log = "/var/lib/docker/volumes/shop-test-web_data/_data/log"
    here.run(f"echo spoilt >{log}")
    back = shop.run("volumes", "restore", "data", "--snapshot", one["id"], "--yes").ended(0)
    back.says(f"bring snapshot {one['id']} of volume shop-test-web_data from db-2")
    assert shop.log() == "v1 v1"

    # A byte that has flipped there is found before anything stops.
    here.run(f"docker volume rm shop-test-web_data.snapshot-{one['id']}")
    flipped = f"/var/lib/docker/volumes/shop-test-web_data.snapshot-{one['id']}/_data/log"
    there.run(f"touch -r {flipped} /tmp/time && echo v2 >{flipped} && touch -r /tmp/time {flipped}")
    shop.run("volumes", "restore", "data", "--snapshot", one["id"], "--yes").ended(1).says(
        "did not arrive as"
    )
    assert shop.log() == "v1 v1"
    assert here.run("docker volume ls -q").split().count(f"shop-test-web_data.snapshot-{one['id']}") == 0


def test_what_was_anonymous_and_has_been_removed_comes_back(shop: Shop) -> None:
    """A version that mounts no volume by name would begin with nothing, and look healthy."""
    app = service(entrypoint=["/bin/sh", "-c", STARTS], volumes=["/data"])
    shop.project.compose("web", {"app": app})
    shop.deploy("v1").ended(0)
    app = service(entrypoint=["/bin/sh", "-c", STARTS], volumes=["data:/data"])
    care = {"volumes": {"data": {"from": "app:/data"}}}
    shop.project.compose("web", {"app": app}, volumes={"data": None}, x_fleet=care)
    shop.deploy("v2").ended(0).says("at most", "and its start")
    assert shop.log() == "v1 v2"
    shop.run("volumes", "confirm", "data", "--yes").ended(0)
    host = shop.hosts.host("db-1")
    names = host.run("docker volume ls -q").split()
    assert names == ["shop-test-web_data"]
    shop.run("rollback", "--to", "v1", "--yes").ended(0).says("rename volume shop-test-web_data")
    assert host.run("docker exec shop-test-web-app-1 cat /data/log").split() == ["v1", "v2", "v1"]


def test_the_controller_is_killed_in_the_midst_of_it(shop: Shop) -> None:
    """The next run copies back what was there, and begins anew."""
    shop.role()
    shop.deploy("v1").ended(0)
    shop.role(": >/data/log; echo half-''done; perl -e 'sleep 600'")
    running = shop.project.start("v2")
    running.until("half-done", 300)
    running.kill()
    running.end()
    shop.role("echo upgraded >>/data/log")
    shop.run("volumes").ended(0).says("incoming", "half restored")
    shop.deploy("v2").ended(0).says("is copied back first", "is upgraded")
    assert shop.log() == "v1 upgraded v2"
