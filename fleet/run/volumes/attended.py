"""A host, and the helper container there that reads or writes a volume."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fleet.errors import FleetError, Interrupted, RemoteFailed
from fleet.ops.effects import Effect, Shell
from fleet.ops.volume_helper import Helper
from fleet.report import events as ev
from fleet.run.perform import failure, shown
from fleet.transport.base import Feed, OnBytes, Result, Transport

SCRIPT_SECONDS = 60
START_SECONDS = 120
COPY_SECONDS = 5 * 3600
"""Less than the helper lives."""

Told = Callable[[Mapping[str, Any]], None]


class HelperFailed(RemoteFailed):
    """The program in the helper container says why it could not do it."""


@dataclass(frozen=True, slots=True)
class Attended:
    """``cancel`` ends what the helper does. ``show``: tell each command."""

    host: str
    helper: Helper
    transport: Transport
    emit: ev.Emit
    cancel: threading.Event
    show: bool = False

    def script(self, script: Shell, what: str, *, seconds: float = SCRIPT_SECONDS) -> str:
        """What it prints. It is not cut: it changes something, or is short. Raises RemoteFailed, Drift."""
        result = self._run(script, seconds)
        if not result.ok:
            raise self._named(failure(what, result, seconds))
        return result.out.decode("utf-8", "replace").strip()

    def start(self) -> None:
        result = self._run(self.helper.start(), START_SECONDS)
        if result.ok:
            return
        what = f"start the helper for volume {self.helper.volume}"
        error = self._named(failure(what, result, START_SECONDS))
        if "No such image" in error.why or "not found" in error.why:
            error.what = f"the helper image {self.helper.image} is not on the host"
            error.hint = "plan again: a plan pulls it first"
        raise error

    @property
    def running(self) -> bool:
        return self._run(self.helper.running(), SCRIPT_SECONDS).ok

    def remove(self) -> None:
        """Also what still runs in it. That it cannot be reached is told by what came before."""
        with suppress(FleetError):
            self._run(self.helper.remove(), SCRIPT_SECONDS)

    def ask(self, what: str, *command: str, told: Told | None = None) -> Mapping[str, Any]:
        """The helper's answer to ``command``. Raises HelperFailed, Interrupted, ConnectionLost."""
        return self.answer(what, self.helper.ask(*command), COPY_SECONDS, told)

    def answer(
        self,
        what: str,
        script: Shell,
        seconds: float,
        told: Told | None = None,
        *,
        on_bytes: OnBytes | None = None,
        feed: Feed | None = None,
    ) -> Mapping[str, Any]:
        """The helper's last answer to what ``script`` asks it; where it writes ``on_bytes``, beside them.
        Raises as :meth:`ask` does, and Drift."""
        answers: list[Mapping[str, Any]] = []
        said = "err" if on_bytes else "out"

        def line(stream: str, text: str) -> None:
            found = _object(text) if stream == said else {}
            if told and isinstance(found.get("progress"), dict):
                told(found["progress"])
            elif "result" in found or "error" in found:
                answers.append(found)

        result = self._run(script, seconds, line, on_bytes, feed)
        if result.stopped:
            raise Interrupted(f"{what}: interrupted", host=self.host)
        answer = answers[-1] if answers else {}
        if isinstance(error := answer.get("error"), dict):
            raise HelperFailed(
                f"{what}: {error.get('what', 'failed')}", why=str(error.get("why", "")), host=self.host
            )
        if not result.ok or not isinstance(answer.get("result"), dict):
            raise self._named(failure(what, result, seconds))
        found: Mapping[str, Any] = answer["result"]
        return found

    def _run(
        self,
        script: Shell,
        seconds: float,
        line: Callable[[str, str], None] | None = None,
        on_bytes: OnBytes | None = None,
        feed: Feed | None = None,
    ) -> Result:
        if self.show:
            effect: Effect = script
            self.emit(ev.Command(self.host, shown(effect)))
        cancel = self.cancel if line else None
        return self.transport.run(
            script.script, timeout=seconds, on_line=line, cancel=cancel, on_bytes=on_bytes, feed=feed
        )

    def _named(self, error: FleetError) -> FleetError:
        error.host = self.host
        return error


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
