"""Host keys, strictly: OpenSSH's ``known_hosts`` files, with the line that decided."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import hmac
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import Unreachable


class HostKeyRefused(Unreachable):
    """The server shows a host key that is not known, not the known one, or revoked."""


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


class KnownHosts:
    """Reads every file once, for all hosts. Safe to use from several threads."""

    def __init__(self) -> None:
        self._files: dict[Path, _File] = {}
        self._reading = threading.Lock()

    def keys(self, files: Iterable[Path], name: str) -> tuple[KnownKey, ...]:
        """The keys of the first file that knows ``name``, and the revoked keys of every file.

        The environment's own file comes first and so cannot be weakened by the operator's. Files that do not
        exist know nobody.
        """
        valid: list[KnownKey] = []
        revoked: list[KnownKey] = []
        for file in files:
            found = self._file(file).keys(name, revoked=bool(valid))
            revoked += (key for key in found if key.revoked)
            valid = valid or [key for key in found if not key.revoked]
        return (*valid, *revoked)

    def _file(self, path: Path) -> _File:
        with self._reading:
            if path not in self._files:
                self._files[path] = _File(path)
            return self._files[path]


class _File:
    def __init__(self, path: Path) -> None:
        self._by_name: dict[str, list[KnownKey]] = {}
        self._others: list[tuple[Callable[[str], bool], KnownKey]] = []
        try:
            text = path.read_text(errors="replace")
        except OSError:
            return
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            marker = words.pop(0) if words and words[0].startswith("@") else ""
            # Host certificates are not something paramiko can check.
            if len(words) < 3 or words[0].startswith("#") or marker not in {"", "@revoked"}:
                continue
            try:
                blob = base64.b64decode(words[2], validate=True)
                self._add(words[0], KnownKey(words[1], blob, str(path), number, marker == "@revoked"))
            except ValueError:
                continue

    def keys(self, name: str, *, revoked: bool) -> list[KnownKey]:
        """Only the ``revoked`` ones, if that is asked: a hashed name costs 4 µs, and a file may hold many."""
        found = [key for matches, key in self._others if (key.revoked or not revoked) and matches(name)]
        return sorted([*found, *self._by_name.get(name.lower(), ())], key=lambda key: key.line)

    def _add(self, patterns: str, key: KnownKey) -> None:
        """Raises ValueError for a hashed name that cannot be read."""
        if patterns.startswith("|1|"):
            salt, digest = (base64.b64decode(part) for part in patterns.split("|")[2:4])
            self._others.append((lambda name: hmac.digest(salt, name.encode(), "sha1") == digest, key))
        elif set(patterns) & set("*?!"):
            self._others.append((lambda name: _match(patterns, name), key))
        else:
            for name in dict.fromkeys(patterns.lower().split(",")):
                self._by_name.setdefault(name, []).append(key)


def _match(patterns: str, name: str) -> bool:
    hit = False
    for pattern in patterns.split(","):
        # Brackets stand for themselves here ("[host]:2222"), not for a set of characters.
        shape = pattern.removeprefix("!").lower().replace("[", "[[]")
        if fnmatch.fnmatchcase(name.lower(), shape):
            if pattern.startswith("!"):
                return False
            hit = True
    return hit
