"""``command``: a program of the controller, with the notice as JSON on its standard input."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile

from fleet.model.notices import Command, Notice
from fleet.notify.delivery import Delivery, Undelivered
from fleet.notify.words import one_line

LAST = 4096
"""Bytes of the end of its output in which the last line is looked for."""


def to_command(target: Command, notice: Notice, delivery: Delivery) -> None:
    """No shell; in the project's root, in a process group of its own. Raises Undelivered."""
    # Files instead of pipes: neither a program that reads nothing nor a child left behind can hold us up.
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
        told.write(json.dumps(notice.as_dict()).encode() + b"\n")
        told.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603 — the operator's own words, without a shell
                target.words,
                cwd=delivery.root,
                stdin=told,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Undelivered(f"it cannot be run: {error.strerror}") from error
        ending = _ending(process, delivery.timeout)
        if ending:
            said.seek(max(0, said.seek(0, os.SEEK_END) - LAST))
            lines = said.read().decode(errors="replace").split("\n")
            last = next((line for line in reversed(lines) if line.strip()), "")
            raise Undelivered(f"{ending}: {one_line(last)}" if last else ending)


def _ending(process: subprocess.Popen[bytes], timeout: float) -> str:
    """How it ended, when that is not well."""
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"no end after {timeout:g} s"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit status {code}" if code else ""
