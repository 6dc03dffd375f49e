"""Wait as long as a registry asks, and not a call more: blind retries burn the quota they wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from fleet.errors import Interrupted
from fleet.report import events as ev
from fleet.transport.base import ApiFailed

T = TypeVar("T")
TOO_MANY = 429
LONGEST = 600
"""Seconds in all; a registry that asks for more is an error to be shown."""


def telling(host: str, emit: ev.Emit) -> Callable[[float], None]:
    """Tells of each wait: how long, and for what."""

    def tell(seconds: float) -> None:
        text = f"{host}: the registry has had too many requests; trying again in {seconds:g} s as it asks"
        emit(ev.Note(text, "warning"))

    return tell


def patiently(call: Callable[[], T], tell: Callable[[float], None], cancel: threading.Event) -> T:
    """``tell`` gets the seconds of each wait. Raises what ``call`` raises, Interrupted."""
    waited = 0.0
    while True:
        try:
            return call()
        except ApiFailed as error:
            pause = error.retry_after
            if error.status != TOO_MANY or not pause or waited + pause > LONGEST:
                raise
            tell(pause)
            if cancel.wait(pause):
                raise Interrupted("interrupted while a registry asked to wait") from error
            waited += pause
