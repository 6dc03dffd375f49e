"""What was found on a host of that which tasks look at."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FoundPath:
    """``kind``: absent, file, directory or other, behind a link when ``link`` says where that leads.
    ``seen`` is the line that the host said it with; it says the same again while nothing has changed."""

    path: str
    kind: str = "absent"
    mode: str = ""
    owner: str = ""
    group: str = ""
    ids: str = ""
    """``uid:gid``."""
    sha256: str = ""
    link: str | None = None
    content: str | None = field(default=None, repr=False)
    """None when it may not be shown."""
    mark: str = ""
    """Fingerprint of the secrets in it, while it is as Fleet wrote it."""
    seen: str = ""


@dataclass(frozen=True, slots=True)
class FoundUser:
    """``seen`` as of :class:`FoundPath`."""

    name: str
    uid: str
    group: str
    groups: tuple[str, ...]
    """Without the first one, ``group``."""
    comment: str
    home: str
    shell: str
    seen: str = ""
