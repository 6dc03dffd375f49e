"""The host keys of an environment: shown, compared with what is known, and kept when the operator says so."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from fleet.app.session import Session
from fleet.app.told import told
from fleet.errors import Exit, FleetError, Unreachable
from fleet.model.host_keys import HostKey, Trust, written
from fleet.report.host_keys_text import key_lines
from fleet.report.plan_text import Line
from fleet.transport.endpoint import endpoint_of
from fleet.transport.scan import Scanner, Way


def trust(session: Session, ask: Callable[[str], bool], *, replace: bool) -> Exit:
    """Jump hosts come first: what lies behind them can be seen only when they are trusted. ``replace``: also
    keys that have changed. Exit 69 when a host did not answer, 1 when a key is not trusted after all."""
    file = session.options.root / "inventories" / session.options.env / "known_hosts"
    errors: dict[str, FleetError] = {}
    left = False
    endpoints = [endpoint_of(host) for host in session.hosts]
    with Scanner(file) as scanner:
        ways = scanner.ways(endpoints)
    for _, some in groupby(ways, key=lambda way: len(way.route)):
        keys, failed = _scanned(session, file, list(some))
        errors |= failed
        left |= not _settled(session, file, keys, ask, replace=replace)
    if errors:
        session.report.error(told(errors))
        return Exit.UNREACHABLE
    return Exit.FAILED if left else Exit.OK


def _scanned(
    session: Session, file: Path, ways: Sequence[Way]
) -> tuple[list[HostKey], Mapping[str, FleetError]]:
    # A new one each time: what was just trusted counts.
    with Scanner(file) as scanner:
        found = scanner.scan(ways, session.parallel)
    keys = [one for one in found.values() if isinstance(one, HostKey)]
    return keys, {name: one for name, one in found.items() if isinstance(one, Unreachable)}


def _settled(
    session: Session, file: Path, keys: Sequence[HostKey], ask: Callable[[str], bool], *, replace: bool
) -> bool:
    """Whether all of ``keys`` are trusted now."""
    for key in keys:
        session.report.record({"event": "HostKey", "host": key.host, "server": key.server, "kind": key.kind,
                               "fingerprint": key.fingerprint, "trust": key.trust})  # fmt: skip
    for line in key_lines(keys, replace=replace):
        session.show(line)
    wanted = {Trust.NEW, Trust.ELSEWHERE} | ({Trust.CHANGED} if replace else set())
    chosen = [key for key in keys if key.trust in wanted]
    shown = file.relative_to(session.options.root)
    if chosen and not ask(f"{_question(chosen)} {shown}?"):
        return False
    if chosen:
        _write(file, chosen)
        session.show(Line(f"{_count(len(chosen))} written to {shown}", "add"))
    return all(key.trust in wanted | {Trust.KNOWN} for key in keys)


def _question(chosen: Sequence[HostKey]) -> str:
    changed = sum(key.trust is Trust.CHANGED for key in chosen)
    parts = [f"add {_count(len(chosen) - changed)} to"] if len(chosen) > changed else []
    parts += [f"REPLACE {_count(changed)} in"] if changed else []
    text = " and ".join(parts)
    return text[0].upper() + text[1:]


def _count(number: int) -> str:
    return f"{number} {'key' if number == 1 else 'keys'}"


def _write(file: Path, keys: Sequence[HostKey]) -> None:
    """All or nothing. Raises FleetError."""
    try:
        text = file.read_text() if file.exists() else ""
        content = written(text, keys)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".known_hosts", delete=False) as new:
            new.write(content)
        Path(new.name).chmod(file.stat().st_mode & 0o777 if file.exists() else 0o644)
        os.replace(new.name, file)
    except (OSError, ValueError) as error:
        raise FleetError(f"{file} cannot be written", why=str(error), hint="change it by hand") from error
