"""Where a project is, from wherever within it a command is given."""

from __future__ import annotations

from pathlib import Path


def nearest(start: Path) -> Path | None:
    """The nearest directory upwards that holds ``inventories/``."""
    return next((one for one in (start, *start.parents) if (one / "inventories").is_dir()), None)
