"""Where a host is and how it is entered: what the transports need of the inventory."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

from fleet.errors import ConfigError
from fleet.model.hosts import Host
from fleet.secret import SecretRef


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One host as a transport sees it. What is None or empty is left to ``~/.ssh/config``.

    ``proxy_jump``: hops as in OpenSSH's ProxyJump (``[user@]host[:port]``, comma separated, the first one is
    entered first); ``none`` forbids a jump that ``~/.ssh/config`` asks for. ``docker``: the words of the
    Docker client on the host, without ``sudo``. ``password``: sudo's, where it wants one.
    """

    name: str
    address: str
    port: int | None = None
    user: str | None = None
    key_file: str | None = None
    become: bool = False
    become_user: str = "root"
    proxy_jump: str = ""
    connection: Literal["ssh", "local"] = "ssh"
    docker: tuple[str, ...] = ("docker",)
    password: SecretRef | None = None

    def sudo(self, become: bool = True) -> tuple[str, ...]:
        """The words that go before a command; none where the inventory or the caller says so."""
        return self._sudo("-n") if self.become and become else ()

    def sudo_asking(self, prompt: str) -> tuple[str, ...]:
        """The same for sudo that may ask for a password on its standard input."""
        return self._sudo("-S", "-p", prompt)

    def sudo_terminal(self) -> tuple[str, ...]:
        """The same on a terminal, where sudo asks the operator itself."""
        return self._sudo() if self.become else ()

    def _sudo(self, *how: str) -> tuple[str, ...]:
        return ("sudo", *how, "-u", self.become_user, "--")


def endpoint_of(host: Host) -> Endpoint:
    """Raises ConfigError for connection variables that cannot be carried out."""
    return Endpoint(
        name=host.name,
        address=host.address,
        port=host.port,
        user=host.user,
        key_file=host.key_file,
        become=host.become,
        become_user=host.become_user,
        proxy_jump=_proxy_jump(host),
        connection="local" if host.connection == "local" else "ssh",
    )


def _proxy_jump(host: Host) -> str:
    variable = "ansible_ssh_common_args"
    where = f"{variable} of host {host.name!r}"
    try:
        words = shlex.split(host.common_args)
    except ValueError as error:
        raise ConfigError(f"{where} cannot be read", why=str(error), at=host.at(variable)) from error
    jump = ""
    while words:
        word = words.pop(0)
        if word[:2] in {"-J", "-o"} and len(word) == 2 and words:
            word += words.pop(0)
        option, _, value = word.removeprefix("-o").replace("=", " ", 1).partition(" ")
        if word.startswith("-J") and len(word) > 2:
            jump = word[2:]
        elif word.startswith("-o") and option.lower() == "proxyjump" and value.strip():
            jump = value.strip()
        else:
            raise ConfigError(
                f"{where}: Fleet cannot carry out {word!r}",
                why="of the ssh client's options it knows -J and -o ProxyJump=…",
                hint="write the option into ~/.ssh/config for that host; Fleet reads HostName, Port, User, "
                "IdentityFile, IdentitiesOnly, HostKeyAlias, UserKnownHostsFile, ProxyJump and ProxyCommand",
                at=host.at(variable),
            )
    return jump
