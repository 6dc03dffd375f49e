"""A run's directory: ``.fleet/runs/<id>/`` with the plan, every event, and failure bundles."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.report import events as ev

QUIET = (ev.Progress, ev.Waiting)


def new_run_id(now: datetime) -> str:
    """Sorts by time and is unique on one controller: ``20260131-142233-4711``."""
    return f"{now:%Y%m%d-%H%M%S}-{os.getpid()}"


class Journal:
    """Everything is written at once and flushed: what was told survives a kill of the controller."""

    def __init__(self, root: Path, run: str) -> None:
        self.run = run
        self.directory = root / ".fleet" / "runs" / run
        self._root = root
        self._lock = threading.Lock()
        # A mode is for the last directory only: parents=True would leave those above open to all.
        for path in (root / ".fleet", self.directory.parent):
            path.mkdir(exist_ok=True, mode=0o700)
        self.directory.mkdir(mode=0o700)
        self._events = _private(self.directory / "events.jsonl")

    def __call__(self, event: ev.Event) -> None:
        if isinstance(event, QUIET):
            return
        with self._lock:
            record = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **ev.as_dict(event)}
            os.write(self._events, (json.dumps(record, ensure_ascii=False) + "\n").encode())

    def keep(self, name: str, text: str) -> str:
        """Store ``failures/web-1.web.app`` or what else ``name`` says; answers its path as the operator
        would type it."""
        path = first = self.directory / f"{name}.txt"
        first.parent.mkdir(exist_ok=True, mode=0o700)
        with self._lock:
            # The way back may fail at the same gate, and must not hide why the way forth did.
            number = 1
            while path.exists():
                number += 1
                path = first.with_name(f"{first.stem}.{number}.txt")
            _write(path, text)
        return os.path.relpath(path)

    def save(self, name: str, content: Mapping[str, Any] | str) -> Path:
        path = self.directory / name
        _write(
            path, content if isinstance(content, str) else json.dumps(content, indent=1, ensure_ascii=False)
        )
        return path

    def close(self) -> None:
        os.close(self._events)


def _private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
