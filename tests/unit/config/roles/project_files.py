"""A small project on disk, from texts."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import pytest

from fleet.config.inventory import load_inventory
from fleet.config.project import load_desired, open_project
from fleet.errors import ConfigErrors
from fleet.model.desired import Desired
from fleet.model.services import Service

HOSTS = """\
all:
  children:
    web: {hosts: {web-1: {}, web-2: {}, web-3: {}}}
"""


class Files:
    """``compose`` is the file of role ``web``; any other file is written by its path."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.write("inventories/test/hosts.yml", HOSTS)

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def compose(self, text: str, role: str = "web") -> None:
        self.write(f"roles/{role}/compose.yml", text)

    def desired(
        self, version: str = "v41", hosts: Sequence[str] | None = None, roles: Sequence[str] | None = None
    ) -> Desired:
        inventory = load_inventory(self.root, "test")
        project = open_project(self.root, inventory)
        chosen = [host for name, host in inventory.hosts.items() if hosts is None or name in hosts]
        return load_desired(project, inventory, chosen, version, roles)

    def service(self, text: str, name: str = "app", **options: Any) -> Service:
        """The service on the first host."""
        self.compose(text)
        state = self.desired(**options).hosts[0]
        return next(service for service in state.services if service.name == name)

    def errors(self, text: str | None = None, **options: Any) -> list[str]:
        """``line:col: what``, without the file when it is the role's own."""
        if text is not None:
            self.compose(text)
        with pytest.raises(ConfigErrors) as caught:
            self.desired(**options)
        return [
            f"{str(error.at).removeprefix('roles/web/compose.yml:')}: {error.what}"
            for error in caught.value.errors
        ]
