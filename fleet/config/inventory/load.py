"""The files of one environment → its inventory."""

from __future__ import annotations

import os
import pathlib
from types import MappingProxyType

from fleet.config.inventory import hosts_file
from fleet.config.inventory.merge import freeze_groups, merge_hosts
from fleet.config.inventory.tree import Tree
from fleet.config.inventory.vars_files import VarsDirectory
from fleet.config.problems import Problems
from fleet.config.yaml import load, shown_path
from fleet.errors import ConfigError, FleetError, Position, UsageError
from fleet.model.hosts import Inventory
from fleet.suggest import suggest


def load_inventory(root: pathlib.Path, env: str) -> Inventory:
    """Read ``inventories/<env>`` below the project's ``root``.

    Raises UsageError when there is no such environment; ConfigError, or ConfigErrors with all of them, when
    its files are wrong.
    """
    directory = _environment(root, env)
    path = _hosts_file(directory, root)
    if kind := _other_kind(path):
        at = Position(shown_path(path, root))
        hint = "write the inventory as YAML: hosts.yml"
        raise ConfigError(f"{kind} is not supported yet", at=at, hint=hint)
    problems = Problems()
    tree = Tree(problems)
    try:
        hosts_file.read(load(path, root=root), tree, problems)
    except FleetError as error:
        problems.add(error)
    group_vars = VarsDirectory(directory / "group_vars", root, problems)
    host_vars = VarsDirectory(directory / "host_vars", root, problems)
    if not tree.settle():
        problems.raise_any()
    hosts = merge_hosts(tree, group_vars, host_vars, problems)
    problems.raise_any()
    return Inventory(
        env,
        root,
        MappingProxyType(hosts),
        MappingProxyType(freeze_groups(tree)),
        tuple(dict.fromkeys(problems.warnings)),
    )


def environments(root: pathlib.Path) -> list[str]:
    """The environments of a project: the directories below ``inventories``."""
    directory = root / "inventories"
    if not directory.is_dir():
        return []
    return sorted(entry.name for entry in directory.iterdir() if entry.is_dir() and entry.name[0] != ".")


_NAMES = ("hosts.yml", "hosts.yaml", "hosts.json", "hosts", "hosts.ini")


def _environment(root: pathlib.Path, env: str) -> pathlib.Path:
    known = environments(root)
    if env in known:
        return root / "inventories" / env
    where = shown_path(root / "inventories", root)
    hint = (
        f"environments: {', '.join(known)}" if known else f"make the directory {where}/{env} with a hosts.yml"
    )
    raise UsageError(f"no environment {env!r} in {where}{suggest(env, known)}", hint=hint)


def _hosts_file(directory: pathlib.Path, root: pathlib.Path) -> pathlib.Path:
    found = [directory / name for name in _NAMES if (directory / name).is_file()]
    at = Position(shown_path(directory, root))
    if not found:
        raise ConfigError("no hosts.yml in this environment", at=at, hint="name its hosts in hosts.yml")
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise ConfigError(f"{names}: which one is the inventory?", at=at, hint="keep one of them")
    return found[0]


def _other_kind(path: pathlib.Path) -> str:
    """What the file is when it is not YAML."""
    plain = not path.suffix
    try:
        start = path.read_bytes()[:4096]
    except OSError:
        start = b""
    if start.startswith(b"#!") or (plain and os.access(path, os.X_OK)):
        return "an executable inventory"
    if path.suffix == ".ini" or (plain and _looks_like_ini(start)):
        return "an INI inventory"
    return ""


def _looks_like_ini(start: bytes) -> bool:
    for line in start.splitlines():
        text = line.strip()
        if text and text[:1] not in b"#;" and text != b"---":
            # A section, a bare host name, or a host followed by name=value: none begins a mapping.
            return text.startswith(b"[") or b":" not in text or b"=" in text
    return False
