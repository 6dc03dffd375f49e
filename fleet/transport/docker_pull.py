"""The messages of an image pull, summed up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.transport.base import OnProgress

_DONE = frozenset({"Download complete", "Pull complete", "Verifying Checksum", "Extracting"})


class PullProgress:
    """Bytes over all layers that are known so far; tells only what changed, and never goes back."""

    def __init__(self, on_progress: OnProgress | None) -> None:
        self._on_progress = on_progress
        self._layers: dict[str, tuple[int, int]] = {}
        self._told = (0, 0)
        self.digest = ""

    def take(self, event: Mapping[str, Any]) -> None:
        status = str(event.get("status", ""))
        if status.startswith("Digest: "):
            self.digest = status.removeprefix("Digest: ").strip()
        layer = str(event.get("id", ""))
        detail = event.get("progressDetail") or {}
        if status == "Downloading" and "current" in detail:
            self._layers[layer] = (detail["current"], detail.get("total") or detail["current"])
        elif status in _DONE and layer in self._layers:
            self._layers[layer] = (self._layers[layer][1],) * 2
        self._tell()

    def _tell(self) -> None:
        done = sum(current for current, _ in self._layers.values())
        told = (max(done, self._told[0]), sum(total for _, total in self._layers.values()))
        if self._on_progress and told != self._told:
            self._told = told
            self._on_progress(*told)
