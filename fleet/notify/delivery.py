"""What every kind of notifier is given, and how it says that it failed."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

from fleet.secret import Keyring


@dataclass(frozen=True, slots=True)
class Delivery:
    """``root`` of the project; ``timeout`` in seconds."""

    keyring: Keyring
    root: pathlib.Path
    timeout: float


class Undelivered(Exception):
    """Why somebody could not be told, in one line that shows no URL."""
