"""How a new version of a service takes over from the old one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """One step of a trial: the new version gets ``weight`` percent of the requests for ``seconds``, and is
    watched meanwhile; 0 waits for ``inv promote``."""

    weight: int
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Strategy:
    """``kind``: ``rolling`` replaces batch by batch. ``blue-green`` and ``canary`` put the new version on
    trial beside the old one, through ``shares`` (blue-green has one), until it is promoted or aborted."""

    kind: str = "rolling"
    shares: tuple[Share, ...] = ()

    @property
    def tried(self) -> bool:
        """The new version is on trial before the old one goes."""
        return self.kind != "rolling"


ROLLING = Strategy()
