"""``log``: one line at the end of a file of the controller."""

from __future__ import annotations

import os
import pathlib

from fleet.model.notices import LogFile, Notice
from fleet.notify.delivery import Delivery, Undelivered
from fleet.notify.words import sentence


def to_log(target: LogFile, notice: Notice, delivery: Delivery) -> None:
    """Raises Undelivered. A new file is its owner's alone."""
    path = delivery.root / pathlib.Path(target.path).expanduser()
    try:
        with open(path, "a", encoding="utf-8", opener=_private) as file:
            file.write(f"{notice.at} {notice.env}: {sentence(notice)} · run {notice.run}\n")
    except OSError as error:
        raise Undelivered(f"it cannot be written: {error.strerror}") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
