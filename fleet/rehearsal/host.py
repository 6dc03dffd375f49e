"""One fleet host in a container: it has its own sshd and Docker Engine, and can fail as a real one does."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container

from fleet.errors import FleetError
from fleet.rehearsal.images import Images, archive

BOOT = 60.0
"""Seconds that a host may take until its sshd and its engine answer."""


@dataclass(frozen=True, slots=True)
class HostSpec:
    """A host to make. ``disk_mb`` gives it a small disk of its own, in memory, that can be filled."""

    name: str
    address: str
    image: str = "host"
    disk_mb: int | None = None


class Host:
    """A running host. Every method returns when what it did is in force."""

    def __init__(self, client: DockerClient, container: Container, images: Images, spec: HostSpec) -> None:
        self._client = client
        self._container = container
        self._images = images
        self.spec = spec
        self.name = spec.name
        self.address = spec.address

    def run(self, command: str, *, user: str = "root") -> str:
        """Run a shell command on the host, not over SSH; its output. Raises FleetError if it fails."""
        api = self._client.api
        started = api.exec_create(self._container.id, ["sh", "-c", command], user=user)["Id"]
        text = _output(api.exec_start(started, socket=True)).decode(errors="replace")
        code = api.exec_inspect(started)["ExitCode"]
        if code != 0:
            raise FleetError(f"exit {code}: {command}", why=text[-2000:], host=self.name)
        return text

    def write(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Put one file, owned by root, on the host."""
        self._container.put_archive("/", archive({path.lstrip("/"): (mode, content)}))

    def published(self, port: int) -> str:
        """``127.0.0.1:<port>`` of the controller behind which that port of the host is."""
        self._container.reload()
        bindings = self._container.ports[f"{port}/tcp"] or []
        return f"127.0.0.1:{bindings[0]['HostPort']}"

    def start(self) -> None:
        """Switch a stopped or killed host on, and wait for sshd and the engine."""
        self._container.start()
        self.wait_ready()

    def stop(self) -> None:
        """Shut down in order: the containers are stopped first."""
        self._container.stop(timeout=30)

    def kill(self) -> None:
        """Cut the power: everything on the host is gone at once, nothing says goodbye."""
        self._container.kill()

    def pause(self) -> None:
        """Freeze every process: connections stay open and nothing answers."""
        self._container.pause()

    def unpause(self) -> None:
        """Thaw."""
        self._container.unpause()

    def cut_off(self) -> None:
        """Drop every packet in and out, without a word to either side; what runs on the host goes on."""
        self._isolate("-I")

    def reconnect(self) -> None:
        """End ``cut_off``."""
        self._isolate("-D")
        self._wait(self._greets, "its sshd does not answer")

    def slow_down(self, delay_ms: int, *, port: int | None = None) -> None:
        """Delay every packet that leaves the host by ``delay_ms`` milliseconds; 0 or a restart ends it.
        ``port``: only those for that port of others."""
        name = f"{self._container.name}-delay"
        to = f" -p tcp --dport {port}" if port else ""
        rule = f"POSTROUTING -o eth0{to} -j NFQUEUE --queue-num 7 --queue-bypass"
        self.run(
            "iptables -w -t mangle -S POSTROUTING | sed -n '/NFQUEUE/s/^-A/-D/p' "
            "| while read -r rule; do iptables -w -t mangle $rule; done"
        )
        with suppress(NotFound):
            self._client.containers.get(name).remove(force=True)
        if delay_ms:
            delay = self._client.containers.run(
                str(self._images.ensure("delay").id),
                [str(delay_ms)],
                name=name,
                labels=self._container.labels,
                network_mode=f"container:{self._container.id}",
                cap_add=["NET_ADMIN"],
                detach=True,
            )
            self._wait(lambda: b"ready" in delay.logs(), "its network cannot be slowed down")
            self.run(f"iptables -w -t mangle -I {rule}")

    def stop_engine(self) -> None:
        """Stop the Docker Engine, and with it the containers; it stays down."""
        self.run(
            "touch /run/engine.off; kill $(cat /run/docker.pid); while pidof dockerd; do sleep 0.05; done"
        )

    def start_engine(self) -> None:
        """Start the engine that ``stop_engine`` stopped."""
        self.run("rm -f /run/engine.off")
        self.wait_engine()

    def restart_engine(self) -> None:
        """As an upgrade of the engine does: all containers stop, those with a restart policy come back."""
        self.run("old=$(cat /run/docker.pid); kill $old; while kill -0 $old 2>/dev/null; do sleep 0.05; done")
        self.wait_engine()

    def fill_disk(self) -> None:
        """Leave no byte free where the engine keeps its data. Only for hosts with a disk of their own."""
        if self.spec.disk_mb is None:
            raise FleetError("this host shares the controller's disk", host=self.name, hint="give it disk_mb")
        self.run(
            "dd if=/dev/zero of=/var/lib/docker/full bs=64k 2>/dev/null; cp /var/lib/docker/full /srv; true"
        )

    def free_disk(self) -> None:
        """End ``fill_disk``."""
        self.run("rm -f /var/lib/docker/full /srv/full")

    def wait_ready(self) -> None:
        """Until sshd and the engine answer. Raises FleetError with the engine's log after BOOT seconds."""
        self._wait(self._greets, "its sshd does not answer")
        self.wait_engine()

    def wait_engine(self) -> None:
        """Until the engine answers."""
        self.run(
            f"timeout {BOOT:.0f} sh -c 'until docker version; do sleep 0.1; done' >/dev/null 2>&1 "
            "|| { tail -n 20 /var/log/dockerd.log; exit 1; }"
        )

    def _isolate(self, action: str) -> None:
        # mangle: before the engine's own forwarding, so that published ports are silent too.
        for chain, way in (("PREROUTING", "-i"), ("POSTROUTING", "-o")):
            self.run(f"iptables -w -t mangle {action} {chain} {way} eth0 -j DROP")

    def _greets(self) -> bool:
        try:
            with socket.create_connection((self.address, 22), timeout=2) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + BOOT
        while not condition():
            if time.monotonic() > deadline:
                logs = self._container.logs(tail=20).decode(errors="replace")
                raise FleetError(f"{what} within {BOOT:.0f} s", host=self.name, why=logs)
            time.sleep(0.05)


def _output(stream: Any) -> bytes:
    """Both streams of a command, from frames with their length in the second half of eight bytes. The
    client's own reader loses what came in one packet with the headers: it passes over this buffer."""
    reader = stream._response.raw._fp.fp
    output = b""
    while header := reader.read(8):
        output += reader.read(int.from_bytes(header[4:], "big"))
    return output
