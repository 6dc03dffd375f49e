"""The hosts on which the last command failed, for ``--retry-failed``. Which command it was is not kept: it
may hold what nobody else shall read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from fleet.app.session import Session
from fleet.errors import FleetError, UsageError
from fleet.report import events as ev


def remember(session: Session, names: Sequence[str]) -> None:
    path = _path(session)
    try:
        for directory in (path.parent.parent, path.parent):
            directory.mkdir(exist_ok=True, mode=0o700)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(list(names)), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        session.emit(ev.Note(f"--retry-failed will not know of this run: {error}", "warning"))


def recall(session: Session) -> tuple[str, ...]:
    """In the inventory's order, of the hosts that the session has. Raises UsageError, FleetError."""
    path = _path(session)
    try:
        names = set(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        hint = "without --retry-failed it runs on every host of --limit"
        raise UsageError(f"no command was run on {session.options.env} from here", hint=hint) from None
    except (OSError, ValueError, TypeError) as error:
        raise FleetError(f"{path} cannot be read", why=str(error), hint="remove it") from error
    return tuple(host.name for host in session.hosts if host.name in names)


def _path(session: Session) -> Path:
    return session.options.root / ".fleet" / "failed" / f"{session.options.env}.json"
