"""Where archives of volumes go to: a file of the controller, or a repository of restic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.secret import Text

SCHEME = "restic:"
_NUMBERED = re.compile(r"(.+)#([0-9a-f]{4,64})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """``location``: what restic calls a repository; a directory is the volume's host's. ``id``: of one
    backup in it; empty: the newest."""

    location: str
    id: str = ""

    @property
    def directory(self) -> str:
        return self.location if self.location.startswith("/") else ""

    def __str__(self) -> str:
        return f"{SCHEME}{self.location}"


def address(text: str) -> Address | None:
    """None: it is a file. Raises ValueError."""
    if not text.startswith(SCHEME):
        return None
    location = text.removeprefix(SCHEME)
    found = _NUMBERED.fullmatch(location)
    made = Address(found[1], found[2]) if found else Address(location)
    if not made.directory and ":" not in made.location:
        raise ValueError(
            f"{text} is no repository: /DIRECTORY of the volume's host, or as restic writes it (s3:…, sftp:…)"
        )
    return made


@dataclass(frozen=True, slots=True)
class Access:
    """What a repository is opened with. ``key``, ``known_hosts``: for one behind sftp."""

    password: Text
    environment: Mapping[str, Text] = field(default_factory=dict)
    key: Text = ""
    known_hosts: Text = ""
