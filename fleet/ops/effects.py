"""The three things that can be done to a host; every operation compiles to a sequence of them.

Effects are data: the transports carry them out, ``--show-commands`` prints them, the tests compare
them. Values that may hold secrets are :data:`fleet.secret.Text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.secret import Text


@dataclass(frozen=True, slots=True)
class RegistryAuth:
    """Credentials for one registry; they travel in a request header and are never stored on a host."""

    username: Text
    password: Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shell:
    """A POSIX ``sh`` script, fed to the shell's standard input, never to its arguments."""

    script: Text


@dataclass(frozen=True, slots=True)
class ResolveDigest:
    """Ask the image's registry, through the host's engine, which digest the reference names."""

    image: str
    auth: RegistryAuth | None = None


@dataclass(frozen=True, slots=True)
class PullImage:
    """Pull ``image`` (``name@sha256:…``) and tag it as ``tag`` (``name:tag``; empty: no tag)."""

    image: str
    tag: str = ""
    auth: RegistryAuth | None = None


@dataclass(frozen=True, slots=True)
class CreateContainer:
    """``body`` is the Engine API's create body, its strings may be sealed. ``networks``: endpoint
    configurations for further networks, connected after the creation, by network name."""

    name: str
    body: Mapping[str, Any]
    networks: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StartContainer:
    """``container`` is a name or id; already running is fine."""

    container: str


@dataclass(frozen=True, slots=True)
class StopContainer:
    """Stop with the container's own signal; killed after ``grace`` seconds. Already stopped is fine."""

    container: str
    grace: float


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    """Remove, also when it runs; volumes stay, unless ``volumes``: then anonymous ones go, too. Already
    gone is fine."""

    container: str
    volumes: bool = False


@dataclass(frozen=True, slots=True)
class RenameContainer:
    container: str
    name: str


@dataclass(frozen=True, slots=True)
class ReinstateContainer:
    """Make ``id`` run under ``name`` again; a successor that has the name by now is removed. That it does
    so already is fine."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ExpectContainer:
    """Go on only while ``name`` is the container ``id`` (empty: while there is none); else Drift."""

    name: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class CreateNetwork:
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CreateVolume:
    body: Mapping[str, Any]


ApiCall = (
    ResolveDigest
    | PullImage
    | CreateContainer
    | StartContainer
    | StopContainer
    | RemoveContainer
    | RenameContainer
    | ExpectContainer
    | ReinstateContainer
    | CreateNetwork
    | CreateVolume
)


@dataclass(frozen=True, slots=True)
class Api:
    """A call of the Docker Engine API over the connection to the host."""

    call: ApiCall


Effect = Shell | Api
