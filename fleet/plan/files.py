"""Differences of configuration and secret files between what is wanted and what was found."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from fleet.model.found import FoundDir, FoundFile, HostFacts, Unknown
from fleet.model.services import ConfigDir, ConfigFile, Service
from fleet.plan.text_diff import HIDDEN, difference
from fleet.secret import Text, parts_of, refs_of


@dataclass(frozen=True, slots=True)
class DirChange:
    """Files of one directory that are not as wanted. ``found``: name and sha256, or ``-``, of each
    file that will be touched."""

    config: ConfigDir
    found: tuple[tuple[str, str], ...]
    stale: tuple[str, ...]
    lines: tuple[str, ...]
    fingerprints: tuple[tuple[str, str], ...]


def seal(content: Text, owner: str, mode: str, fingerprints: Mapping[str, str]) -> str:
    """A fingerprint of a file with secrets: changes with text, owner, mode and each secret's value."""
    parts = [part if isinstance(part, str) else fingerprints[str(part.ref)] for part in parts_of(content)]
    return hashlib.sha256(repr((parts, owner, mode)).encode()).hexdigest()[:16]


def config_change(config: ConfigDir, facts: HostFacts, fingerprints: Mapping[str, str]) -> DirChange | None:
    """None when every file is as wanted. Facts must be known."""
    dirs = {} if isinstance(facts.dirs, Unknown) else facts.dirs
    sealed = {} if isinstance(facts.sealed, Unknown) else facts.sealed
    here = dirs.get(config.directory, FoundDir(config.directory, exists=False))
    by_name = {file.name: file for file in here.files}
    wanted = {file.name for file in config.files}
    marks = sealed.get(config.directory, {})
    owner = f"{config.uid}:{config.gid}"
    prints = tuple(
        (file.name, seal(file.content, owner, file.mode, fingerprints))
        for file in config.files
        if refs_of(file.content)
    )
    lines: list[str] = []
    for file in config.files:
        lines += _file_lines(config, file, by_name.get(file.name), marks.get(file.name, ""), dict(prints))
    stale = tuple(file.name for file in here.files if file.ours and file.name not in wanted)
    for name in stale:
        lines.append(f"-{config.directory}/{name}")
    if here.pending:
        lines.append(f"{config.directory} was written, and its container was not told")
    if not lines:
        return None
    touched = (*wanted, *stale)
    return DirChange(
        config,
        tuple((name, by_name[name].sha256 if name in by_name else "-") for name in sorted(touched)),
        stale,
        tuple(lines),
        prints,
    )


def _file_lines(
    config: ConfigDir, wanted: ConfigFile, found: FoundFile | None, mark: str, prints: Mapping[str, str]
) -> list[str]:
    path = f"{config.directory}/{wanted.name}"
    if isinstance(wanted.content, str):
        same = found is not None and found.sha256 == hashlib.sha256(wanted.content.encode()).hexdigest()
    else:
        same = found is not None and mark == prints[wanted.name]
    lines: list[str] = []
    if found and found.mode != wanted.mode:
        lines.append(f"mode of {path}: {found.mode} → {wanted.mode}")
    owner = f"{config.uid}:{config.gid}"
    if found and found.owner != owner:
        lines.append(f"owner of {path}: {found.owner} → {owner}")
    if found and not found.ours:
        lines.append(f"{path} was not written by Fleet; a copy stays as {wanted.name}.before-fleet")
    if same:
        return lines
    if not isinstance(wanted.content, str) or (found and found.content is None):
        return [*lines, f"{'~' if found else '+'}{path}{HIDDEN}"]
    return [*lines, *difference(path, found.content if found else None, wanted.content)]


def secrets_change(
    service: Service, facts: HostFacts, fingerprints: Mapping[str, str]
) -> tuple[tuple[str, str], ...] | None:
    """Fingerprints of the wanted secret files when some are missing or different, else None."""
    if not service.secrets:
        return None
    sealed = {} if isinstance(facts.sealed, Unknown) else facts.sealed
    wanted = {
        file.name: seal(file.content, f"{file.uid}:{file.gid}", file.mode, fingerprints)
        for file in service.secrets
    }
    return None if sealed.get(service.secret_dir) == wanted else tuple(wanted.items())
