"""Bring an image to a host, by digest."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.model.images import ImageRef
from fleet.ops.effects import Api, Effect, PullImage, RegistryAuth


@dataclass(frozen=True, slots=True)
class Pull:
    """``image`` is ``name@digest``; ``written`` the reference as the operator wrote it."""

    image: str
    written: str
    auth: RegistryAuth | None = None

    @property
    def target(self) -> str:
        return f"image:{self.written}"

    @property
    def timeout(self) -> float:
        return 1800

    def describe(self) -> str:
        digest = self.image.partition("@")[2].removeprefix("sha256:")
        return f"pull {ImageRef.parse(self.written).short} ({digest[:12]})"

    def diff(self) -> tuple[str, ...]:
        return ()

    def effects(self) -> tuple[Effect, ...]:
        ref = ImageRef.parse(self.written)
        return (Api(PullImage(self.image, "" if ref.digest else f"{ref.name}:{ref.tag}", self.auth)),)
