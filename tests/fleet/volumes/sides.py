"""Two containers of the helper image with a volume each, and a third that writes to the source's."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import docker
from docker.models.containers import Container
from docker.models.volumes import Volume

LABEL = "fleet.test.volumes"
KINDS = Path(__file__).with_name("kinds.py")


# A process that ends meanwhile has no name any more.
KILL = """
import contextlib, os, pathlib, signal, sys
found = False
while not found:
    for comm in pathlib.Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if comm.read_text().strip() == sys.argv[1] and int(comm.parent.name) != os.getpid():
                os.kill(int(comm.parent.name), getattr(signal, "SIG" + sys.argv[2]))
                found = True
"""


@dataclass
class Said:
    """What one command of the helper has said, line by line, and its exit status."""

    lines: list[dict[str, dict]]
    status: int

    @property
    def result(self) -> dict:
        assert self.status == 0, self.lines
        return self.lines[-1]["result"]

    @property
    def error(self) -> dict:
        assert self.status == 1, self.lines
        return self.lines[-1]["error"]

    @property
    def progress(self) -> list[dict]:
        return [line["progress"] for line in self.lines if "progress" in line]


class Running:
    """A command that is still at work; its lines as they come."""

    def __init__(self, client: docker.DockerClient, container: Container, words: list[str]) -> None:
        self._api = client.api
        self._id = self._api.exec_create(container.id, words)["Id"]
        self._stream = self._api.exec_start(self._id, stream=True, demux=True)
        self._left = b""
        self.lines: list[dict] = []
        self.complaints = b""

    def each(self) -> Iterator[dict]:
        for out, err in self._stream:
            self.complaints += err or b""
            *whole, self._left = (self._left + (out or b"")).split(b"\n")
            for line in whole:
                self.lines.append(json.loads(line))
                yield self.lines[-1]

    def end(self) -> Said:
        for _ in self.each():
            pass
        assert not self._left
        return Said(self.lines, self._api.exec_inspect(self._id)["ExitCode"])


@dataclass
class Side:
    client: docker.DockerClient
    container: Container

    def begin(self, *words: str) -> Running:
        return Running(self.client, self.container, ["volume", *words])

    def volume(self, *words: str) -> Said:
        return self.begin(*words).end()

    def run(self, *words: str) -> str:
        status, output = self.container.exec_run(list(words))
        assert status == 0, output.decode(errors="replace")
        return output.decode()

    def python(self, script: str, *arguments: str) -> str:
        return self.run("python3", "-c", script, *arguments)

    def kill(self, name: str, signal: str = "KILL") -> None:
        """Every program of that name in this container, as soon as there is one."""
        self.python(KILL, name, signal)

    def describe(self, path: str) -> list:
        return json.loads(self.python(KINDS.read_text(), "describe", path))


@dataclass
class Sides:
    source: Side
    target: Side
    writer: Side
    to: list[str] = field(default_factory=list)

    def meet(self) -> None:
        public = self.source.volume("key").result["public"]
        served = self.target.volume("serve", "--client", public).result
        self.to = ["--to", f"127.0.0.1:{served['port']}", "--host-key", served["host_key"]]

    def seed(self, *more: str) -> Said:
        return self.source.volume("seed", *self.to, *more)

    def sync(self, *more: str) -> Said:
        return self.source.volume("sync", *self.to, *more)

    def compare(self) -> Said:
        return self.source.volume("compare", *self.to)


@dataclass
class Rig:
    """Makes volumes, and containers of the helper image that have them; knows all that it has made."""

    client: docker.DockerClient
    image: str
    volumes: list[Volume] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)

    def volume(self, options: Mapping[str, str] | None = None) -> str:
        made = self.client.volumes.create(labels={LABEL: "1"}, driver_opts=dict(options or {}))
        self.volumes.append(made)
        return str(made.id)

    def side(self, *mounts: tuple[str, str, str], network: str = "none") -> Side:
        """``mounts``: volume, place and mode."""
        made = self.client.containers.run(
            self.image,
            shlex.split("volume hold --seconds 900"),
            detach=True,
            labels={LABEL: "1"},
            network_mode=network,
            log_config={"type": "none"},
            volumes={volume: {"bind": place, "mode": mode} for volume, place, mode in mounts},
            tmpfs={"/state": ""},
        )
        self.containers.append(made)
        return Side(self.client, made)


@contextlib.contextmanager
def rig(client: docker.DockerClient, image: str) -> Iterator[Rig]:
    made = Rig(client, image)
    try:
        yield made
    finally:
        # One may be in the network of one before.
        for container in reversed(made.containers):
            container.remove(force=True)
        for volume in made.volumes:
            volume.remove(force=True)


@contextlib.contextmanager
def sides(
    client: docker.DockerClient, image: str, target_options: Mapping[str, str] | None = None
) -> Iterator[Sides]:
    """The source is in the target's network, which reaches nothing but itself."""
    with rig(client, image) as made:
        source, target = made.volume(), made.volume(target_options)
        receiver = made.side((target, "/data", "rw"))
        sender = made.side((source, "/data", "ro"), network=f"container:{receiver.container.id}")
        both = Sides(sender, receiver, made.side((source, "/data", "rw")))
        both.meet()
        yield both
