"""The way to the target: ssh with nothing of the user's or the machine's own configuration."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from .keys import checked
from .places import Places
from .words import Failure, last_lines

# 9 to 12 seconds after the last sign of life a connection is given up.
ALIVE_EVERY, ALIVE_TIMES = 3, 3
# One connection is used by all commands: while the service is away, nobody waits for keys to be exchanged.
KEPT_SECONDS = 600
NAME = "target"


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address(text: str) -> Address:
    """HOST:PORT, an IPv6 address in brackets."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_][A-Za-z0-9._-]*)):([0-9]{1,5})", text)
    if not found or not 0 < int(found[3]) < 65536:
        raise Failure(f"{text!r} is no address", "expected: HOST:PORT")
    return Address(found[1] or found[2], int(found[3]))


@dataclass(frozen=True, slots=True)
class Link:
    """``config``: the file that holds all that ssh needs to know of the target."""

    to: Address
    config: str

    def words(self, command: str) -> list[str]:
        return ["ssh", "-F", self.config, NAME, command]


def link(places: Places, to: str, host_key: str, seconds: float = 5) -> Link:
    """One file for each target and key, so that calls side by side do not write each other's."""
    there = address(to)
    name = hashlib.sha256(f"{there} {checked(host_key)} {seconds}".encode()).hexdigest()[:16]
    known, config = places.state / f"known-{name}", places.state / f"ssh-{name}"
    known.write_text(f"{NAME} {host_key}\n")
    shared = places.state / f"shared-{name}"
    config.write_text(client_settings(there, str(places.state / "key"), str(known), str(shared), seconds))
    return Link(there, str(config))


def client_settings(to: Address, key: str, known_hosts: str, shared: str, seconds: float) -> str:
    """``shared``: the socket of the connection. ``HostKeyAlias``: the key is the target's, wherever it is
    reached, also through a forwarded port. ``LogLevel INFO``: below it ssh does not say that the
    connection is gone."""
    return f"""\
Host {NAME}
HostName {to.host}
Port {to.port}
User root
IdentityFile {key}
IdentitiesOnly yes
IdentityAgent none
PreferredAuthentications publickey
BatchMode yes
StrictHostKeyChecking yes
UserKnownHostsFile {known_hosts}
GlobalKnownHostsFile /dev/null
HostKeyAlias {NAME}
HostKeyAlgorithms ssh-ed25519
UpdateHostKeys no
ConnectTimeout {max(1, round(seconds))}
ConnectionAttempts 1
ControlMaster auto
ControlPath {shared}
ControlPersist {KEPT_SECONDS}
ServerAliveInterval {ALIVE_EVERY}
ServerAliveCountMax {ALIVE_TIMES}
Ciphers aes128-gcm@openssh.com
Compression no
ForwardAgent no
ClearAllForwardings yes
LogLevel INFO
"""


# What ssh says, and what it means.
MEANINGS = (
    (r"Host key verification failed|HOST IDENTIFICATION HAS CHANGED", "{to} is not who it should be"),
    (r"Permission denied", "{to} does not accept this key"),
    (r"Connection refused", "nothing listens at {to}"),
    (r"Could not resolve hostname", "{to} has no address"),
    (r"Connection timed out|No route to host|Network is unreachable", "{to} cannot be reached"),
    (r"Timeout, server .* not responding", "{to} has stopped answering"),
    (r"Connection reset|onnection .*closed|closed by remote|Broken pipe", "the connection to {to} was cut"),
)


def link_failure(to: Address, complaints: str) -> Failure:
    """What it means that ssh ended with status 255."""
    for pattern, what in MEANINGS:
        if re.search(pattern, complaints):
            return Failure(what.format(to=to), last_lines(complaints))
    return Failure(f"the connection to {to} was cut", last_lines(complaints) or "ssh ended with status 255")
