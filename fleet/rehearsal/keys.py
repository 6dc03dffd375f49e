"""Keys and passwords of a rehearsal: generated once per project, kept out of version control."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An ed25519 key in OpenSSH's formats."""

    private: bytes
    public: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets below one directory, e.g. ``.fleet/rehearsal``; each is made when first asked for."""

    directory: Path

    @property
    def private_key(self) -> Path:
        """The file that ``ansible_ssh_private_key_file`` names."""
        self.client()
        return self.directory / "id_ed25519"

    def client(self) -> KeyPair:
        """The key that every login of every host accepts."""
        return self._pair("id_ed25519")

    def host(self, name: str) -> KeyPair:
        """The host key of one host, the same at every boot."""
        return self._pair(f"hosts/{name}")

    def password(self, name: str) -> str:
        """A random password in a file of that name, 0600."""
        path = self.directory / name
        with self._alone():
            if not path.exists():
                # 19 characters: UCarp takes no more.
                _write(path, secrets.token_urlsafe(14).encode())
        return path.read_text()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # Hosts boot in parallel, and two test runs may start at once.
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.directory / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _pair(self, name: str) -> KeyPair:
        path = self.directory / name
        public = path.with_name(path.name + ".pub")
        with self._alone():
            if not public.exists():
                key = Ed25519PrivateKey.generate()
                _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
                _write(public, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
        return KeyPair(path.read_bytes(), public.read_text())


def _write(path: Path, content: bytes) -> None:
    # Private before the first byte.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
