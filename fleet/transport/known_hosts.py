"""Host keys, strictly: OpenSSH's ``known_hosts`` files, with the line that decided."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One line that names the host. ``blob`` is the public key as it travels."""

    kind: str
    blob: bytes
    file: str
    line: int
    revoked: bool = False

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def fingerprint(blob: bytes) -> str:
    """As ``ssh-keygen -l`` prints it: ``SHA256:…``."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def name_of(address: str, port: int) -> str:
    """The name under which ``known_hosts`` lists a server."""
    return address if port == 22 else f"[{address}]:{port}"


def known_keys(files: Iterable[Path], name: str) -> tuple[KnownKey, ...]:
    """The keys of the first file that knows ``name``, and the revoked keys of every file.

    The environment's own file comes first and so cannot be weakened by the operator's. Files that do not
    exist know nobody.
    """
    valid: tuple[KnownKey, ...] = ()
    revoked: list[KnownKey] = []
    for file in files:
        found = list(_matching(file, name))
        revoked += (key for key in found if key.revoked)
        valid = valid or tuple(key for key in found if not key.revoked)
    return (*valid, *revoked)


def _matching(file: Path, name: str) -> Iterator[KnownKey]:
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        # Host certificates are not something paramiko can check.
        if len(words) < 3 or words[0].startswith("#") or marker not in {"", "@revoked"}:
            continue
        patterns, kind, encoded = words[:3]
        if not _names(patterns, name):
            continue
        try:
            blob = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            continue
        yield KnownKey(kind, blob, str(file), number, revoked=marker == "@revoked")


def _names(patterns: str, name: str) -> bool:
    if patterns.startswith("|1|"):
        return _hashed(patterns, name)
    hit = False
    for pattern in patterns.split(","):
        # Brackets stand for themselves here ("[host]:2222"), not for a set of characters.
        shape = pattern.removeprefix("!").lower().replace("[", "[[]")
        if fnmatch.fnmatchcase(name.lower(), shape):
            if pattern.startswith("!"):
                return False
            hit = True
    return hit


def _hashed(pattern: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in pattern.split("|")[2:4])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
