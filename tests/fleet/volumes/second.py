"""A container of the helper image with a volume and a second one beside it, and one that writes to both."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import docker
from docker.models.containers import Container

from tests.fleet.volumes.sides import KINDS, LABEL, Said, Side


@dataclass
class Second:
    helper: Side
    writer: Side

    def clone(self, *more: str) -> dict:
        return self.helper.volume("clone", *more).result

    def same(self) -> dict:
        return self.helper.volume("same").result

    def fails(self, *words: str) -> str:
        said: Said = self.helper.volume(*words)
        return f"{said.error['what']}: {said.error['why']}"

    def make_kinds(self) -> None:
        self.writer.python(KINDS.read_text(), "make")

    def describe(self, kind: str) -> list[list]:
        """As it lies in the volume, and in the copy."""
        here, there = self.writer.describe(f"/data/{kind}"), self.writer.describe(f"/copy/{kind}")
        return [here, [[row[0].replace("/copy", "/data", 1), *row[1:]] for row in there]]


@contextlib.contextmanager
def second(
    client: docker.DockerClient,
    image: str,
    options: Mapping[str, str] | None = None,
    copy_options: Mapping[str, str] | None = None,
) -> Iterator[Second]:
    labels = {LABEL: "1"}
    volumes = [
        client.volumes.create(labels=labels, driver_opts=dict(one or {})) for one in (options, copy_options)
    ]
    made: list[Container] = []

    def container(mode: str) -> Side:
        places = {
            volumes[0].id: {"bind": "/data", "mode": mode},
            volumes[1].id: {"bind": "/copy", "mode": "rw"},
        }
        made.append(
            client.containers.run(
                image,
                shlex.split("volume hold --seconds 900"),
                detach=True,
                labels=labels,
                network_mode="none",
                log_config={"type": "none"},
                volumes=places,
                tmpfs={"/state": ""},
            )
        )
        return Side(client, made[-1])

    try:
        yield Second(container("ro"), container("rw"))
    finally:
        for one in made:
            one.remove(force=True)
        for volume in volumes:
            volume.remove(force=True)
