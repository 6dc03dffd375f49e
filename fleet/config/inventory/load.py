"""The files of one environment → its inventory."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from types import MappingProxyType

from fleet.config.inventory import hosts_file
from fleet.config.inventory.ini_file import read_ini
from fleet.config.inventory.listed import Run, read_listed
from fleet.config.inventory.merge import Origin, freeze_groups, merge_hosts, origins
from fleet.config.inventory.tree import Tree
from fleet.config.inventory.vars_files import VarsDirectory
from fleet.config.problems import Problems
from fleet.config.yaml import is_there, load, read_text, shown_path
from fleet.errors import ConfigError, FleetError, Position, UsageError
from fleet.model.hosts import Inventory
from fleet.suggest import suggest


def load_inventory(root: pathlib.Path, env: str, run: Run | None = None) -> Inventory:
    """Read ``inventories/<env>`` below the project's ``root``. ``run``: how to ask an executable inventory;
    without it there must be none.

    Raises UsageError when there is no such environment; ConfigError, or ConfigErrors with all of them, when
    its files are wrong.
    """
    tree, group_vars, host_vars, problems = _read(root, env, run)
    hosts = merge_hosts(tree, group_vars, host_vars, problems)
    problems.raise_any()
    return Inventory(
        env,
        root,
        MappingProxyType(hosts),
        MappingProxyType(freeze_groups(tree)),
        tuple(dict.fromkeys(problems.warnings)),
    )


def explained(
    root: pathlib.Path, env: str, host: str, run: Run | None = None
) -> Mapping[str, tuple[Origin, ...]]:
    """For each variable of ``host`` its values, the one that wins first. Raises as
    :func:`load_inventory` does."""
    tree, group_vars, host_vars, problems = _read(root, env, run)
    found = origins(tree, host, group_vars, host_vars)
    problems.raise_any()
    return found


def _read(
    root: pathlib.Path, env: str, run: Run | None
) -> tuple[Tree, VarsDirectory, VarsDirectory, Problems]:
    directory = _environment(root, env)
    problems = Problems()
    tree = Tree(problems)
    for path in _sources(directory, root):
        try:
            _source(path, root, tree, problems, run)
        except FleetError as error:
            problems.add(error)
    group_vars = VarsDirectory(directory / "group_vars", root, problems)
    host_vars = VarsDirectory(directory / "host_vars", root, problems)
    if not tree.settle():
        problems.raise_any()
    return tree, group_vars, host_vars, problems


def _source(path: pathlib.Path, root: pathlib.Path, tree: Tree, problems: Problems, run: Run | None) -> None:
    """Raises ConfigError, ConfigErrors."""
    shown = shown_path(path, root)
    if _executable(path):
        if run is None:
            raise ConfigError("an executable inventory is not run here", at=Position(shown))
        read_listed(path, shown, run, tree, problems)
    elif _is_ini(path):
        read_ini(read_text(path, shown), shown, tree, problems)
    else:
        hosts_file.read(load(path, root=root), tree, problems)


def environments(root: pathlib.Path) -> list[str]:
    """The environments of a project: the directories below ``inventories``."""
    directory = root / "inventories"
    if not directory.is_dir():
        return []
    return sorted(entry.name for entry in directory.iterdir() if entry.is_dir() and entry.name[0] != ".")


_NAMES = ("hosts.yml", "hosts.yaml", "hosts.json", "hosts", "hosts.ini")
_EXTENSIONS = ("", ".yml", ".yaml", ".json", ".ini")


def _environment(root: pathlib.Path, env: str) -> pathlib.Path:
    known = environments(root)
    if env in known:
        return root / "inventories" / env
    where = shown_path(root / "inventories", root)
    hint = (
        f"environments: {', '.join(known)}" if known else f"make the directory {where}/{env} with a hosts.yml"
    )
    raise UsageError(f"no environment {env!r} in {where}{suggest(env, known)}", hint=hint)


def _sources(directory: pathlib.Path, root: pathlib.Path) -> list[pathlib.Path]:
    """The one file of hosts, or all those of a directory ``hosts``, sorted by name."""
    found = [directory / name for name in _NAMES if is_there(directory / name)]
    at = Position(shown_path(directory, root))
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        hint = "keep one of them, or move them into a directory hosts/"
        raise ConfigError(f"{names}: which one is the inventory?", at=at, hint=hint)
    if found and (inner := found[0]).is_dir():
        found = [path for path in sorted(inner.iterdir()) if _counts(path)]
        if not found:
            at = Position(shown_path(inner, root))
            raise ConfigError(
                "no file of hosts in this directory", at=at, hint="name the hosts in one: web.yml"
            )
    if not found:
        raise ConfigError("no hosts.yml in this environment", at=at, hint="name its hosts in hosts.yml")
    return found


def _counts(path: pathlib.Path) -> bool:
    """What an editor left behind does not."""
    hidden = path.name.startswith(".") or path.name.endswith("~")
    return not path.is_dir() and not hidden and path.suffix in _EXTENSIONS


def _executable(path: pathlib.Path) -> bool:
    return _start(path).startswith(b"#!") or (not path.suffix and os.access(path, os.X_OK))


def _is_ini(path: pathlib.Path) -> bool:
    return path.suffix == ".ini" or (not path.suffix and _looks_like_ini(_start(path)))


def _start(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()[:4096] if path.is_file() else b""
    except OSError:
        return b""


def _looks_like_ini(start: bytes) -> bool:
    for line in start.splitlines():
        text = line.strip()
        if text and text[:1] not in b"#;" and text != b"---":
            # A section, a bare host name, or a host followed by name=value: none begins a mapping.
            return text.startswith(b"[") or b":" not in text or b"=" in text
    return False
