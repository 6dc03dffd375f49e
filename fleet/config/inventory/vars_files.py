"""``group_vars`` and ``host_vars`` beside the inventory: which files, in which order."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

from fleet.config.inventory.tree import Placed
from fleet.config.inventory.var_names import check_name
from fleet.config.problems import Problems
from fleet.config.yaml import load, shown_path
from fleet.errors import FleetError, Position

_EXTENSIONS = (".yml", ".yaml", ".json")


class VarsDirectory:
    """One ``group_vars`` or ``host_vars`` directory; a missing one holds nothing."""

    def __init__(self, path: pathlib.Path, root: pathlib.Path, problems: Problems) -> None:
        self._path = path
        self._root = root
        self._problems = problems
        self._names: set[str] = set()
        try:
            if path.is_dir():
                self._names = {entry.name for entry in path.iterdir()}
            elif path.exists():
                at = Position(shown_path(path, root))
                problems.error("this must be a directory", at, hint=f"move it to {path.name}/all.yml")
        except OSError as error:
            self._unreadable(path, error)

    def variables(self, name: str) -> dict[str, Placed]:
        """The variables of one group or host; of several files the later ones win."""
        merged: dict[str, Placed] = {}
        try:
            for path in self._files(name):
                merged.update(self._read(path))
        except OSError as error:
            self._unreadable(self._path / name, error)
        return merged

    def _unreadable(self, path: pathlib.Path, error: OSError) -> None:
        at = Position(shown_path(path, self._root))
        self._problems.error("cannot read the directory", at, why=error.strerror or str(error))

    def _files(self, name: str) -> list[pathlib.Path]:
        # The first that exists counts alone: a directory web/ hides web.yml.
        for extension in ("", *_EXTENSIONS):
            path = self._path / f"{name}{extension}"
            if f"{name}{extension}" in self._names:
                return list(_below(path)) if path.is_dir() else [path]
        return []

    def _read(self, path: pathlib.Path) -> dict[str, Placed]:
        try:
            document = load(path, root=self._root)
        except FleetError as error:
            self._problems.add(error)
            return {}
        if document.value is None:
            return {}
        if not isinstance(document.value, dict):
            vault = isinstance(document.value, str) and document.value.startswith("$ANSIBLE_VAULT")
            if vault:
                what = "encrypted by ansible-vault, which is not supported: Fleet holds no vault password"
                self._problems.error(
                    what, document.at(()), hint="use !secret references, or decrypt the file"
                )
            else:
                self._problems.error("a file of variables is a mapping of names to values", document.at(()))
            return {}
        return {
            name: Placed(value, document.at((name,)))
            for name, value in document.value.items()
            if check_name(name, document.key_at((name,)), self._problems)
        }


def _below(directory: pathlib.Path) -> Iterator[pathlib.Path]:
    for path in sorted(directory.iterdir(), key=lambda entry: entry.name):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        extension = pathlib.PurePath(path.name).suffix
        if path.is_dir():
            if not extension:
                yield from _below(path)
        elif not extension or extension in _EXTENSIONS:
            yield path
