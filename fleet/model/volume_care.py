"""What a role says of one of its volumes, beyond what Compose has a word for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fleet.model import codec


@dataclass(frozen=True, slots=True)
class Inside:
    """A command in the running container of ``service``, a service of the volume's role."""

    service: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What makes data of an older version fit for the one that the role has now: ``command`` in a container
    of ``image``, with the volume where ``service`` mounts it. ``timeout`` in seconds."""

    image: str
    service: str
    command: tuple[str, ...]
    entrypoint: tuple[str, ...] | None = None
    timeout: float = 3600

    @property
    def id(self) -> str:
        """What a mark calls it by: another image or command is another upgrade."""
        parts = codec.dump((self.image, self.command, self.entrypoint))
        return hashlib.sha256(codec.canonical(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class VolumeCare:
    """``before_deploy``: a snapshot is taken before a service that mounts it is changed, and the newest
    ``keep`` stay. ``freeze`` and ``thaw``: around the last pass of one, in place of a pause. ``dump``: what
    it prints is the snapshot, in place of a copy; ``load`` reads that. ``upgrade``: the last one
    that the data is to have had. ``owner``: ``uid:gid`` of all that is in it; empty: nothing is said."""

    before_deploy: bool = False
    keep: int = 3
    freeze: Inside | None = None
    thaw: Inside | None = None
    dump: Inside | None = None
    load: Inside | None = None
    upgrade: Upgrade | None = None
    owner: str = ""

    @property
    def needs(self) -> str:
        """The id of that upgrade; empty: none."""
        return self.upgrade.id if self.upgrade else ""


NO_CARE = VolumeCare()
