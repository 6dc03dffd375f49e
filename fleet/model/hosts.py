"""Hosts, groups and the inventory of one environment, as Ansible understands them."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from fleet.errors import ConfigError, Position
from fleet.secret import SealedText, SecretRef

T = TypeVar("T")

_TRUE = frozenset({"y", "yes", "on", "1", "true", "t", "1.0"})
_FALSE = frozenset({"n", "no", "off", "0", "false", "f", "0.0"})
_SSH = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh"})


@dataclass(frozen=True, slots=True)
class Host:
    """One host and its variables, merged as Ansible merges them.

    ``groups`` are Ansible's ``group_names``: sorted, without ``all``. ``vars`` hold the text as it was
    written: a template stays a template, since it may refer to the run or to other hosts. The render layer
    resolves it and makes a new Host with ``dataclasses.replace(host, vars=…)``; before that, a connection
    property whose variable is a template means nothing.

    The properties raise ConfigError, with the variable's place, for a value that cannot be carried out.
    """

    name: str
    groups: tuple[str, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    places: Mapping[str, Position] = field(
        default_factory=lambda: MappingProxyType({}), hash=False, compare=False, repr=False
    )

    def at(self, variable: str) -> Position | None:
        """Where the winning value of ``variable`` was written."""
        return self.places.get(variable)

    @property
    def address(self) -> str:
        return self._read(("ansible_host", "ansible_ssh_host"), _text, self.name)

    @property
    def port(self) -> int | None:
        return self._read(("ansible_port", "ansible_ssh_port"), _port, None)

    @property
    def user(self) -> str | None:
        return self._read(("ansible_user", "ansible_ssh_user"), _text, None)

    @property
    def key_file(self) -> str | None:
        return self._read(("ansible_private_key_file", "ansible_ssh_private_key_file"), _text, None)

    @property
    def common_args(self) -> str:
        return self._read(("ansible_ssh_common_args",), _text, "")

    @property
    def connection(self) -> str:
        """``ssh`` or ``local``; Ansible's other names for SSH are ``ssh`` too."""
        return self._read(("ansible_connection",), _connection, "ssh")

    @property
    def become(self) -> bool:
        return self._read(("ansible_become",), _boolean, False)

    @property
    def become_user(self) -> str:
        return self._read(("ansible_become_user", "ansible_sudo_user"), _text, "root")

    @property
    def become_method(self) -> str:
        return self._read(("ansible_become_method",), _become_method, "sudo")

    def _read(self, names: tuple[str, ...], parse: Callable[[Any], T], default: T) -> T:
        # Of Ansible's alternative names the last one that is set wins.
        for name in reversed(names):
            value = self.vars.get(name)
            if value is None or value == "":
                continue
            try:
                return parse(value)
            except ValueError as error:
                what = f"{name} cannot be {str(value)!r}"
                raise ConfigError(what, why=str(error), at=self.at(name)) from error
        return default


@dataclass(frozen=True, slots=True)
class Group:
    """``hosts`` and ``children`` as listed; ``members``: its hosts and those of groups below, in order."""

    name: str
    hosts: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    depth: int = 0
    priority: int = 1


@dataclass(frozen=True, slots=True)
class Inventory:
    """Hosts and groups of one environment, each in the order in which the files first name them.

    ``groups`` always hold ``all`` and ``ungrouped``. ``warnings`` are for the operator to read.
    """

    env: str
    root: pathlib.Path
    hosts: Mapping[str, Host] = field(hash=False)
    groups: Mapping[str, Group] = field(hash=False)
    warnings: tuple[str, ...] = ()


def is_template(value: object) -> bool:
    """Whether ``value`` is text that Jinja2 would change."""
    return isinstance(value, str) and ("{{" in value or "{%" in value or "{#" in value)


def _text(value: Any) -> str:
    secret = isinstance(value, (SecretRef, SealedText))
    if secret or isinstance(value, (Mapping, list)):
        raise ValueError("it cannot be a secret" if secret else "it must be text")
    return str(value)


def _port(value: Any) -> int:
    text = _text(value)
    if not text.isdecimal() or len(text) > 5 or not 1 <= int(text) <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return int(text)


def _boolean(value: Any) -> bool:
    word = _text(value).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("it must be true or false")
    return word in _TRUE


def _become_method(value: Any) -> str:
    if value != "sudo":
        raise ValueError("Fleet becomes another user with sudo only")
    return "sudo"


def _connection(value: Any) -> str:
    word = _text(value).removeprefix("ansible.builtin.")
    if word in _SSH:
        return "ssh"
    if word == "local":
        return word
    raise ValueError("Fleet connects by ssh (or local)")
