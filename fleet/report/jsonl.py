"""JSON lines of the same events, for machines."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable
from typing import Any, TextIO

from fleet.report import events as ev
from fleet.report.plan_text import Line


class JsonReport:
    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._lock = threading.Lock()

    def __call__(self, event: ev.Event) -> None:
        self.record(ev.as_dict(event))

    def record(self, record: dict[str, Any]) -> None:
        with self._lock:
            try:
                print(json.dumps(record, ensure_ascii=False), file=self._out, flush=True)
            except BrokenPipeError:
                # What is still buffered must not fail once more when the program ends.
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
                raise

    def line(self, line: Line) -> None:
        """Prose is for people; machines get the same as events."""

    def table(self, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
        """Tables are for people."""

    def error(self, text: str) -> None:
        self.record({"event": "Error", "text": text})

    def close(self) -> None:
        """Nothing is held back."""
