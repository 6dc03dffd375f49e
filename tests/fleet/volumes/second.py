"""A container of the helper image with a volume and a second one beside it, and one that writes to both."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import docker

from tests.fleet.volumes.sides import KINDS, Said, Side, rig


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
    with rig(client, image) as made:
        volumes = made.volume(options), made.volume(copy_options)

        def container(mode: str) -> Side:
            return made.side((volumes[0], "/data", mode), (volumes[1], "/copy", "rw"))

        yield Second(container("ro"), container("rw"))
