"""Processes of this machine, as a test looks at them."""

from __future__ import annotations

import time
from pathlib import Path


def ends(process: int, seconds: float = 5) -> bool:
    """Whether it ends soon; a zombie has ended, and only its parent has not asked yet."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False
