"""The files of roles as a release keeps them, and hosts rendered from such files later."""

from __future__ import annotations

import fnmatch
import pathlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fleet.config.project import Project, load_desired
from fleet.config.roles.source import HANDLERS_FILE, TASKS_FILE, RoleSource, load_role
from fleet.config.trust import asked_for
from fleet.errors import ConfigError, ConfigErrors, FleetError
from fleet.model.desired import HostState
from fleet.model.hosts import Host, Inventory

LARGEST = 256 * 1024
"""Bytes; a file above that is not kept."""

_FILLED_IN = re.compile(r"\{\{.*?\}\}|\$\{[^}]*\}|\$\w+")


def role_sources(root: pathlib.Path, roles: Iterable[str]) -> dict[str, str]:
    """``web/compose.yml`` → its text, for each file that rendering these roles reads: the Compose files,
    ``defaults.yml``, templates, tasks and their files, environment files and configs. Files of secrets are
    not among them.

    What lies outside of the role's directory (``env_file: ../common.env``), is larger than 256 KiB or no
    UTF-8 is left out. Raises ConfigError, ConfigErrors for a Compose file that cannot be read.
    """
    found = {}
    secret = {ref.name for ref in asked_for(root) if ref.provider == "file"}
    for role in roles:
        source = load_role(root, role)
        patterns = (*map(_escaped, source.files), "defaults.yml", "templates/*", *_named(source))
        patterns = (*patterns, TASKS_FILE, HANDLERS_FILE, "files/*")
        for path in sorted(source.directory.rglob("*")):
            name = path.relative_to(source.directory).as_posix()
            wanted = any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
            hidden = path.relative_to(root).as_posix() in secret
            if wanted and not hidden and (text := _text(path)) is not None:
                found[f"{role}/{name}"] = text
    return found


def render_added(
    sources: Mapping[str, str],
    project: Project,
    inventory: Inventory,
    hosts: Sequence[Host],
    version: str,
    number: int,
) -> tuple[HostState, ...]:
    """What ``hosts`` run in release ``number``, by its files and today's inventory.

    ``sources`` come from a host: what they ask of this machine (secrets, checks) is to be looked at before
    it is used. Raises ConfigErrors, whose places read ``release 5: roles/web/compose.yml:3:5``.
    """
    with tempfile.TemporaryDirectory(prefix="fleet-") as directory:
        root = pathlib.Path(directory)
        for name, text in sources.items():
            _write(root / "roles", name, text, number)
        try:
            return load_desired(replace(project, root=root), inventory, hosts, version).hosts
        except ConfigErrors as errors:
            raise ConfigErrors([_placed(error, number) for error in errors.errors]) from errors


def _named(source: RoleSource) -> Iterator[str]:
    """Patterns of what ``env_file`` and ``configs`` name; where a name is filled in, any file may be
    meant."""
    for path in (*_values(source, "services", "env_file"), *_values(source, "configs", "file")):
        if isinstance(path, str):
            literal = _FILLED_IN.sub("\0", path.removeprefix("./"))
            yield "*".join(map(_escaped, literal.split("\0")))


def _values(source: RoleSource, section: str, key: str) -> Iterator[Any]:
    items = source.document.value.get(section)
    for item in items.values() if isinstance(items, dict) else ():
        written: Any = item.get(key) if isinstance(item, dict) else None
        for entry in written if isinstance(written, list) else [written]:
            yield entry.get("path") if isinstance(entry, dict) else entry


def _escaped(text: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", text)


def _text(path: pathlib.Path) -> str | None:
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return None
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _write(roles: pathlib.Path, name: str, text: str, number: int) -> None:
    parts = pathlib.PurePosixPath(name).parts
    if len(parts) < 2 or name.startswith("/") or ".." in parts or "\0" in name:
        raise ConfigError(f"release {number} has a file {name!r} that is not below a role")
    path = roles.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def _placed(error: FleetError, number: int) -> FleetError:
    """Its place says that it is not in the file that lies there today."""
    if error.at and error.at.file.startswith("roles/"):
        error.at = replace(error.at, file=f"release {number}: {error.at.file}")
    return error
