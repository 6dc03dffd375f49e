"""A deploy as an operator begins it: another process, and what it tells while it goes on."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from fleet.rehearsal.faults.fault import Event
from fleet.rehearsal.faults.heard import last_word
from fleet.rehearsal.faults.story import Ended

TICK = 0.1
LONGEST = 900.0
"""Seconds until a deploy is asked to end."""


class Deploy:
    """Begun at once, and over at the end of its ``with``. ``clock`` tells the second of the story."""

    def __init__(self, root: Path, env: str, version: str, clock: Callable[[], float]) -> None:
        self.command = f"deploy --version {version}"
        self._clock = clock
        self._began = clock()
        self._outcome = ""
        self._events: queue.Queue[tuple[float, Event] | None] = queue.Queue()
        self._process = subprocess.Popen(
            [
                Path(sys.executable).with_name("fleet"),
                *("deploy", "--env", env, "--version", version, "--yes", "--json"),
            ],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Only we interrupt it, and once: a second time would mean that it shall not tidy up.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Deploy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        self._process.wait()
        self._reader.join()

    def events(self) -> Iterator[tuple[float, Event | None]]:
        """Each with its second, and None ten times a second while nothing is told. Ends with the deploy."""
        asked = False
        while True:
            if not asked and self._clock() - self._began > LONGEST:
                self._process.send_signal(signal.SIGINT)
                asked = True
            try:
                told = self._events.get(timeout=TICK)
            except queue.Empty:
                yield self._clock(), None
                continue
            if told is None:
                return
            yield told

    def ended(self) -> Ended:
        """When there are no more events."""
        code = self._process.wait()
        return Ended(self.command, code, self._clock() - self._began, self._outcome)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            event = _event(line)
            self._outcome = last_word(event) or self._outcome
            self._events.put((self._clock(), event))
        self._events.put(None)


def _event(line: str) -> Event:
    try:
        event: Event = json.loads(line)
    except ValueError:
        # What is wrong before there is a report, comes as it would to a person.
        return {"event": "Error", "text": line.strip().removeprefix("error: ")}
    return event
