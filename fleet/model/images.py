"""Image references, split the way the registry API needs them."""

from __future__ import annotations

import re
from dataclasses import dataclass

DOCKER_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """``[registry/]repository[:tag][@digest]``, as the distribution specification's reference grammar."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> ImageRef:
        """Split a reference as written. Raises ValueError when it is none."""
        rest, _, digest = text.partition("@")
        head, slash, tail = rest.partition("/")
        if slash and ("." in head or ":" in head or head == "localhost"):
            registry, path = head, tail
        else:
            registry, path = DOCKER_HUB, rest
        repository, _, tag = path.partition(":")
        if (
            not repository
            or repository != repository.lower()
            or re.search(r"\s", text)
            or (digest and ":" not in digest)
        ):
            raise ValueError(f"{text!r} is not an image reference")
        if registry == DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        return cls(registry, repository, tag or ("" if digest else "latest"), digest)

    @property
    def name(self) -> str:
        """Registry and repository the way the engine writes them: without Docker Hub's implied parts."""
        if self.registry == DOCKER_HUB:
            return self.repository.removeprefix("library/")
        return f"{self.registry}/{self.repository}"

    @property
    def short(self) -> str:
        """For people who know their registry: ``shop:v42``."""
        name = self.repository.removeprefix("library/")
        return f"{name}:{self.tag}" if self.tag else f"{name}@{self.digest[:19]}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    def pinned(self, digest: str) -> str:
        """``name@digest``: what is pulled, and what a container is created from."""
        return f"{self.name}@{digest}"
