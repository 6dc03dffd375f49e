"""Hosts in containers behave, and fail, as real ones do."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.errors import FleetError
from fleet.rehearsal import Host, HostFleet, host_fleet
from fleet.rehearsal.engine import engine
from fleet.rehearsal.hosts import LABEL
from fleet.rehearsal.images import Images

FLEET = "test-hosts"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostFleet]:
    keys = tmp_path_factory.mktemp("keys")
    with host_fleet(FLEET, ["web-1", "web-2"], keys, disk_mb={"web-2": 64}) as hosts:
        (keys / "known_hosts").write_text(hosts.known_hosts())
        yield hosts


@pytest.fixture
def host(fleet: HostFleet) -> Host:
    return fleet.host("web-1")


def ssh(fleet: HostFleet, host: Host, command: str, user: str = "deploy", known_hosts: Path | None = None):
    options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=2", "IdentitiesOnly=yes"]
    options.append(f"UserKnownHostsFile={known_hosts or fleet.keys.directory / 'known_hosts'}")
    words = ["ssh", "-F", "none", "-i", str(fleet.keys.private_key), *(f"-o{option}" for option in options)]
    return subprocess.run(
        [*words, f"{user}@{host.address}", command], capture_output=True, text=True, timeout=30, check=False
    )


def container(host: Host) -> None:
    """A container that a restart of engine or host brings back, from files that the host has anyway."""
    files = "bin/sleep lib64/ld-linux-x86-64.so.2 lib/x86_64-linux-gnu/libc.so.6"
    host.run(f"docker inspect tiny >/dev/null 2>&1 || tar -C / -ch {files} | docker import - tiny")
    host.run(
        "docker rm -f one 2>/dev/null; "
        "docker run -d --name one --restart unless-stopped --stop-timeout 1 tiny /bin/sleep 9999"
    )


def running(host: Host) -> bool:
    return host.run("docker inspect --format '{{.State.Running}}' one").strip() == "true"


def test_a_host_has_ssh_with_a_known_key_docker_and_no_python(fleet: HostFleet, host: Host) -> None:
    answer = ssh(
        fleet, host, "docker info --format '{{.Driver}} {{.Name}}'; sudo -n id -u; command -v python3"
    )
    assert answer.stdout == "overlay2 web-1\n0\n", answer.stderr


def test_users_without_rights_are_refused(fleet: HostFleet, host: Host) -> None:
    assert "permission denied" in ssh(fleet, host, "docker ps", user="nodocker").stderr
    assert "a password is required" in ssh(fleet, host, "sudo -n id", user="sudoask").stderr


def test_a_wrong_host_key_is_refused(fleet: HostFleet, host: Host, tmp_path: Path) -> None:
    wrong = tmp_path / "known_hosts"
    wrong.write_text(f"{host.address} {fleet.keys.host('web-2').public}\n")
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in ssh(fleet, host, "true", known_hosts=wrong).stderr


def test_hosts_know_each_other_by_name(fleet: HostFleet, host: Host) -> None:
    assert fleet.host("web-2").address in host.run("getent hosts web-2")
    assert host.run("bash -c 'read -r line < /dev/tcp/web-2/22; echo $line'").startswith("SSH-")


def test_cut_off_is_silence_and_nothing_stops(fleet: HostFleet, host: Host) -> None:
    container(host)
    host.cut_off()
    try:
        assert "timed out" in ssh(fleet, host, "true").stderr
        assert running(host)
    finally:
        host.reconnect()
    assert ssh(fleet, host, "echo back").stdout == "back\n"


def test_a_killed_host_comes_back_with_its_key_and_its_containers(fleet: HostFleet, host: Host) -> None:
    container(host)
    host.kill()
    assert ssh(fleet, host, "true").returncode == 255
    host.start()
    assert ssh(fleet, host, "echo back").stdout == "back\n"
    assert running(host)


def test_a_paused_host_accepts_and_never_answers(host: Host) -> None:
    host.pause()
    try:
        with (
            socket.create_connection((host.address, 22), timeout=2) as connection,
            pytest.raises(TimeoutError),
        ):
            connection.recv(4)
    finally:
        host.unpause()
    host.wait_ready()


def test_engine_stops_starts_and_restarts(fleet: HostFleet, host: Host) -> None:
    container(host)
    host.stop_engine()
    assert "Cannot connect to the Docker daemon" in ssh(fleet, host, "docker ps").stderr
    host.start_engine()
    assert running(host)
    host.restart_engine()
    assert running(host)


def test_slow_down_delays_every_answer(host: Host) -> None:
    def answer() -> float:
        started = time.monotonic()
        with socket.create_connection((host.address, 22), timeout=10) as connection:
            connection.recv(4)
        return time.monotonic() - started

    host.slow_down(300)
    # Two packets of the host: it accepts, and it greets.
    assert answer() > 0.6
    host.slow_down(0)
    assert min(answer() for _ in range(5)) < 0.3


def test_a_full_disk_refuses_an_image_until_it_is_free(fleet: HostFleet) -> None:
    small = fleet.host("web-2")
    container(small)
    small.fill_disk()
    with pytest.raises(FleetError, match="no space left on device"):
        small.run("tar -C / -c usr/bin | docker import - big")
    with pytest.raises(FleetError, match="exit"):
        small.run("echo content > /srv/file && test -s /srv/file")
    small.free_disk()
    container(small)
    assert running(small)


def test_a_shared_disk_is_never_filled(host: Host) -> None:
    with pytest.raises(FleetError, match="shares the controller's disk"):
        host.fill_disk()


def test_a_host_that_does_not_exist_is_named(fleet: HostFleet) -> None:
    with pytest.raises(FleetError, match=r"no host web-9\n.*there are web-1, web-2"):
        fleet.host("web-9")


def test_up_again_changes_nothing(fleet: HostFleet, host: Host) -> None:
    before = host.run("cat /proc/sys/kernel/random/boot_id; stat -c %Y /proc/1")
    fleet.up()
    assert host.run("cat /proc/sys/kernel/random/boot_id; stat -c %Y /proc/1") == before


def test_an_unchanged_image_is_not_built_again() -> None:
    said: list[str] = []
    first = Images(engine(said.append), said.append).ensure("host")
    assert Images(engine(said.append), said.append).ensure("host").id == first.id
    assert said == []


def test_two_fleets_live_side_by_side_and_down_leaves_nothing(fleet: HostFleet, tmp_path: Path) -> None:
    client = engine(lambda _: None).client
    ours = {"label": f"{LABEL}=test-second"}
    with host_fleet("test-second", ["web-1"], tmp_path) as second:
        assert second.subnet != fleet.subnet
        assert second.host("web-1").address != fleet.host("web-1").address
        assert len(client.containers.list(filters=ours)) == 1
    assert client.containers.list(all=True, filters=ours) == []
    assert client.volumes.list(filters=ours) == []
    assert client.networks.list(filters=ours) == []
    assert len(client.containers.list(filters={"label": f"{LABEL}={FLEET}"})) == 2
