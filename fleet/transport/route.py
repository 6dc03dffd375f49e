"""From an endpoint to the chain of SSH servers to enter, the way OpenSSH would read ``~/.ssh/config``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet.errors import ConfigError
from fleet.transport.endpoint import Endpoint

CONFIG_FILES = ("~/.ssh/config", "/etc/ssh/ssh_config")
USER_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
SYSTEM_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts"
DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


@dataclass(frozen=True, slots=True)
class Hop:
    """One SSH server. ``key_name`` is the name that ``known_hosts`` lists, without a port.

    ``explicit``: the keys were named by someone, so a missing one is worth telling.
    """

    address: str
    port: int
    user: str
    keys: tuple[str, ...]
    known_hosts: tuple[Path, ...]
    explicit: bool = False
    agent: bool = True
    key_name: str = ""
    proxy_command: str = ""

    def __str__(self) -> str:
        return self.address if self.port == 22 else f"{self.address} port {self.port}"


Route = tuple[Hop, ...]
"""Jump hosts first, the host itself last."""


class Resolver:
    """Fabric reads ``~/.ssh/config`` and its own files; ``known_hosts`` are asked before the operator's."""

    def __init__(self, known_hosts: Sequence[Path] = (), ssh_config: Path | None = None) -> None:
        self._known_hosts = tuple(known_hosts)
        self._ssh_config = ssh_config
        self._fabric: Any = None

    def route(self, endpoint: Endpoint) -> Route:
        """Raises ConfigError for a jump that leads in a circle or cannot be read."""
        last, jump = self._hop(endpoint.address, endpoint.user, endpoint.port, endpoint.key_file)
        return (*self._jumps(endpoint.proxy_jump or jump, ((last.address, last.port),)), last)

    def _jumps(self, jump: str, behind: tuple[tuple[str, int], ...]) -> Route:
        if not jump or jump.lower() == "none":
            return ()
        first, *others = (word.strip() for word in jump.split(","))
        hops = []
        for index, word in enumerate((first, *others)):
            address, user, port = _parse_jump(word)
            hop, next_jump = self._hop(address, user, port, None)
            here = (hop.address, hop.port)
            if here in behind:
                # "Host *" with a ProxyJump names the jump host itself too; OpenSSH goes there directly.
                return ()
            # As in OpenSSH only the first hop may have jump hosts of its own.
            hops += [*(self._jumps(next_jump, (*behind, here)) if index == 0 else ()), hop]
        return tuple(hops)

    def _hop(self, address: str, user: str | None, port: int | None, key_file: str | None) -> tuple[Hop, str]:
        import fabric  # type: ignore[import-untyped] # noqa: PLC0415 - 160 ms that `--list` need not pay

        if self._fabric is None:
            path = str(self._ssh_config) if self._ssh_config else None
            self._fabric = fabric.Config(runtime_ssh_path=path)
        found = fabric.Connection(
            address,
            user=user,
            port=port,
            # Fabric enters the hops of "ProxyJump a,b" in the wrong order; the jumps are ours.
            gateway=False,
            config=self._fabric,
            # Without a dictionary of its own it would add this host's keys to the shared configuration.
            connect_kwargs={"key_filename": [key_file] if key_file else []},
        )
        options: dict[str, Any] = dict(found.ssh_config)
        keys = list(dict.fromkeys(found.connect_kwargs.get("key_filename", ())))
        hop = Hop(
            address=found.host,
            port=found.port,
            user=found.user,
            keys=tuple(_home(key) for key in keys or DEFAULT_KEYS),
            explicit=bool(keys),
            known_hosts=self._known_host_files(options),
            agent=options.get("identitiesonly", "no").lower() != "yes",
            key_name=options.get("hostkeyalias", ""),
            proxy_command=self._proxy_command(address, found) if "proxycommand" in options else "",
        )
        return hop, options.get("proxyjump", "")

    def _proxy_command(self, address: str, found: Any) -> str:
        """Read again with the port and user that the inventory gave: Fabric fills %p and %r without them."""
        import paramiko  # noqa: PLC0415

        config = paramiko.SSHConfig.from_text(f"Host {address}\n Port {found.port}\n User {found.user}\n")
        files = [self._ssh_config] if self._ssh_config else [Path(_home(name)) for name in CONFIG_FILES]
        for file in files:
            if file.is_file():
                with file.open() as lines:
                    config.parse(lines)
        command = str(config.lookup(address).get("proxycommand", ""))
        return "" if command.lower() == "none" else command

    def _known_host_files(self, options: dict[str, Any]) -> tuple[Path, ...]:
        named = options.get("userknownhostsfile", "")
        users = named.split() if named else USER_KNOWN_HOSTS
        return (*self._known_hosts, *(Path(_home(name)) for name in (*users, SYSTEM_KNOWN_HOSTS)))


def _parse_jump(word: str) -> tuple[str, str | None, int | None]:
    user, at, rest = word.removeprefix("ssh://").rpartition("@")
    address, colon, port = rest, "", ""
    if rest.startswith("["):
        address, _, after = rest[1:].partition("]")
        colon, port = after[:1], after[1:]
    elif rest.count(":") == 1:
        address, colon, port = rest.partition(":")
    if not address or (at and not user) or (colon and not port.isdigit()):
        raise ConfigError(f"the jump host {word!r} cannot be read", hint="write [user@]host[:port]")
    return address, user or None, int(port) if port else None


def _home(path: str) -> str:
    return os.path.expanduser(path)
