"""Who is told of a run, and what."""

from __future__ import annotations

import dataclasses
import enum
import re
import urllib.parse
from dataclasses import dataclass
from typing import Any

from fleet.secret import SealedText, SecretRef, Text, refs_of


class Moment(enum.StrEnum):
    """When somebody is told."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told. ``command`` is deploy, rollback or converge; ``at`` UTC in ISO 8601; ``seconds`` that
    the run took; ``outcome`` in a few words; ``why`` it failed, empty when it did not."""

    event: Moment
    env: str
    version: str
    release: int
    command: str
    who: str
    controller: str
    run: str
    hosts: tuple[str, ...]
    at: str
    seconds: float = 0
    outcome: str = ""
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Webhook:
    """The notice as JSON, posted."""

    url: Text

    def __str__(self) -> str:
        return f"webhook {host_of(self.url)}".rstrip()


@dataclass(frozen=True, slots=True)
class Slack:
    """A sentence, posted as Slack's incoming webhooks take it."""

    url: Text

    def __str__(self) -> str:
        return f"slack {host_of(self.url)}".rstrip()


@dataclass(frozen=True, slots=True)
class Command:
    """A program of the controller, run in the project's root with the notice as JSON on standard input."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"command {self.words[0]}"


@dataclass(frozen=True, slots=True)
class LogFile:
    """A line at the end of a file; ``path`` is relative to the project's root."""

    path: str

    def __str__(self) -> str:
        return f"log {self.path}"


Target = Webhook | Slack | Command | LogFile


@dataclass(frozen=True, slots=True)
class Notifier:
    """``required``: the run fails when it cannot be told. As text it holds nothing secret."""

    target: Target
    on: frozenset[Moment] = frozenset(Moment)
    required: bool = False

    def __str__(self) -> str:
        return str(self.target)

    @property
    def refs(self) -> tuple[SecretRef, ...]:
        return refs_of(self.target.url) if isinstance(self.target, (Webhook, Slack)) else ()


def host_of(url: Text) -> str:
    """``hooks.example.com:8443``; empty where it is, or may be, a part of a secret."""
    sealed = isinstance(url, SealedText)
    first = url.parts[0] if isinstance(url, SealedText) else url
    if not isinstance(first, str):
        return ""
    # Only what follows the host tells where it ends; in a sealed text that may be the secret.
    found = re.match(r"https?://([^/?#@\s]+)" + (r"[/?#]" if sealed else r"(?:[/?#]|$)"), first)
    return found[1] if found else ""


def url_problem(url: str) -> str:
    """What is wrong with ``url``, without showing any of it; empty when it can be used."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https") or not host:
        return "must be https://… or http://… with a host"
    if "@" in parts.netloc:
        return "must not hold a user name or password"
    usual = url.isascii() and url.isprintable() and " " not in url
    return "" if usual else "holds characters that no URL has"
