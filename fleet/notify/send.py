"""All notifiers of one moment, side by side, each within its time."""

from __future__ import annotations

import pathlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fleet.errors import FleetError
from fleet.model.notices import Command, LogFile, Notice, Notifier, Slack, Webhook
from fleet.notify.command import to_command
from fleet.notify.delivery import Delivery, Undelivered
from fleet.notify.log import to_log
from fleet.notify.slack import to_slack
from fleet.notify.webhook import to_webhook
from fleet.secret import Keyring

TIMEOUT = 5.0
"""Seconds for each."""

GRACE = 1.0
"""Seconds more until one is given up that bounds itself badly: a name service, a server that drips."""

KINDS: Mapping[type, Callable[[Any, Notice, Delivery], None]] = {
    Webhook: to_webhook,
    Slack: to_slack,
    Command: to_command,
    LogFile: to_log,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Somebody who could not be told, and why; no secret in it."""

    notifier: Notifier
    why: str

    def __str__(self) -> str:
        return f"{self.notifier} could not be told: {self.why}"

    def error(self) -> FleetError:
        """For a notifier that is ``required``."""
        return FleetError(
            f"{self.notifier} could not be told",
            why=self.why,
            hint="x-fleet.notify says that it is required: repair it, or remove 'required'",
        )


def send(
    notifiers: Iterable[Notifier],
    notice: Notice,
    keyring: Keyring,
    root: pathlib.Path,
    *,
    timeout: float = TIMEOUT,
) -> tuple[Failure, ...]:
    """Tell those that want to know of ``notice.event``; answers who could not be told, and never raises for
    one of them. ``keyring`` holds the secrets of their URLs; all it knows are masked in what is told.
    """
    asked = [notifier for notifier in notifiers if notice.event in notifier.on]
    masked = replace(notice, why=keyring.redact(notice.why), outcome=keyring.redact(notice.outcome))
    delivery = Delivery(keyring, root, timeout)
    told: dict[int, str] = {}

    def tell(number: int) -> None:
        told[number] = _why_not(asked[number], masked, delivery)

    # Daemons, and no pool: the program's end waits for a pool's threads, however long they hang.
    threads = [threading.Thread(target=tell, args=(number,), daemon=True) for number in range(len(asked))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout + GRACE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = f"no answer within {timeout:g} s"
    answers = [told.get(number, late) for number in range(len(asked))]
    return tuple(
        Failure(notifier, keyring.redact(why)) for notifier, why in zip(asked, answers, strict=True) if why
    )


def _why_not(notifier: Notifier, notice: Notice, delivery: Delivery) -> str:
    """Why it could not be told; empty when it was."""
    try:
        KINDS[type(notifier.target)](notifier.target, notice, delivery)
    except Undelivered as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 — whatever it is, the run goes on
        # Not its text, which may hold the URL.
        return f"a mistake in Fleet, not in your files: {type(error).__name__}"
    return ""
