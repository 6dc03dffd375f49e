"""Where on a host the releases of an environment lie."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """The directories below ``fleet_state_dir`` of one project's environment; each host may have them."""

    state_dir: str
    project: str
    env: str

    @property
    def base(self) -> str:
        """Lease, lock and fence; ``ledger``, ``copy`` and ``uses`` below it."""
        return f"{self.state_dir}/releases/{self.project}/{self.env}"
