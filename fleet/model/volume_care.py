"""What a role says of one of its volumes, beyond what Compose has a word for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Inside:
    """A command in the running container of ``service``, a service of the volume's role."""

    service: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VolumeCare:
    """``before_deploy``: a snapshot is taken before a service that mounts it is changed, and the newest
    ``keep`` stay. ``freeze`` and ``thaw``: around the last pass of one, in place of a pause. ``dump``: what
    it prints is the snapshot, in place of a copy; ``load`` reads that."""

    before_deploy: bool = False
    keep: int = 3
    freeze: Inside | None = None
    thaw: Inside | None = None
    dump: Inside | None = None
    load: Inside | None = None


NO_CARE = VolumeCare()
