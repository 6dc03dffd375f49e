"""Who may change an environment: one holder at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants the lease and what for. ``process`` names the process on its machine, so that another
    one there can see whether it still lives; empty when that cannot be told.

    ``seconds`` until it expires unless it is renewed; 0 never does: a freeze by hand.
    """

    run: str
    who: str
    controller: str
    doing: str
    since: str
    seconds: float
    process: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """Ours. ``token`` grows with every holder: a host that has seen a higher one refuses us."""

    token: int
    claim: Claim


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody else's. ``left`` in seconds by the ledger host's own clock (0: a freeze, or expired)."""

    token: int
    claim: Claim
    left: float = 0

    @property
    def frozen(self) -> bool:
        return self.claim.seconds == 0
