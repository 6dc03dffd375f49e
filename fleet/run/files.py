"""Files to and from a host: whole or not at all, and compared by their SHA-256."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import FleetError, RemoteFailed
from fleet.shell import words
from fleet.transport.base import Result, Transport

SAME = "same"
CHUNK = 1 << 20

PUT = """\
sum() { sha256sum <"$1" | cut -d ' ' -f 1; }
[ ! -d "$target" ] || target=${target%/}/$name
[ ! -L "$target" ] || target=$(readlink -f -- "$target") || exit
if [ -f "$target" ] && [ "$(sum "$target")" = "$want" ]; then
  [ -z "$mode" ] || chmod "$mode" "$target" || exit
  echo same
  exit
fi
umask 077
new=$(mktemp "$(dirname -- "$target")/.fleet-put.XXXXXX") || exit
trap 'rm -f "$new"' EXIT
trap 'exit 143' TERM
cat >"$new" || exit
[ "$(sum "$new")" = "$want" ] || { echo "what arrived is not what was read at first" >&2; exit 1; }
if [ -z "$mode" ] && [ -f "$target" ]; then
  usual=$(stat -c %a -- "$target") && chown "$(stat -c %u:%g -- "$target")" "$new" || exit
fi
chmod "${mode:-$usual}" "$new" && sync -- "$new" && mv -f -- "$new" "$target"
"""

GET = """\
[ -f "$source" ] || { echo "there is no such file" >&2; exit 1; }
size=$(stat -L -c %s -- "$source") && [ -r "$source" ] || { echo "it may not be read" >&2; exit 1; }
sum=$(head -c "$size" -- "$source" | sha256sum) || exit
echo "$size ${sum%% *}"
head -c "$size" -- "$source"
"""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was read once: every host shall have the same. ``mode`` in octal digits; empty keeps the
    mode of a file that is there."""

    path: Path
    target: str
    digest: str
    size: int
    usual: str
    mode: str = ""

    @classmethod
    def of(cls, path: Path, target: str, mode: str = "") -> Upload:
        """Raises OSError."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            found = os.fstat(file.fileno())
        return cls(path, target, digest, found.st_size, f"{found.st_mode & 0o777:o}", mode)

    def put(self, transport: Transport, timeout: float) -> bool:
        """False: it was there already. Raises FleetError; then what was there before is there."""
        names = {
            "target": self.target, "name": self.path.name, "want": self.digest, "mode": self.mode,
            "usual": self.usual,
        }  # fmt: skip
        with self.path.open("rb") as source:
            result = transport.run(_with(names, PUT), timeout=timeout, feed=lambda: source.read(CHUNK))
        _check(result, timeout, f"{self.target} was not written")
        return result.out.strip() != SAME.encode()


def fetch(transport: Transport, source: str, target: Path, timeout: float) -> int:
    """The file's size. Raises FleetError, OSError; then what was at ``target`` before is there."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".fleet-get.", delete=False) as file:
        try:
            coming = _Coming(file.write)
            result = transport.run(_with({"source": source}, GET), timeout=timeout, on_bytes=coming.take)
            _check(result, timeout, f"{source} was not read")
            coming.check(source)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, target)
        except BaseException:
            os.unlink(file.name)
            raise
    return coming.size


class _Coming:
    """A line with size and SHA-256, and the bytes behind it."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._begun = False
        self.head = b""
        self.size = 0
        self.digest = hashlib.sha256()

    def check(self, source: str) -> None:
        """Raises FleetError."""
        size, digest = self.head.decode().split()
        if (int(size), digest) != (self.size, self.digest.hexdigest()):
            raise FleetError(f"{source} changed while it was read", hint="try again")

    def take(self, data: bytes) -> None:
        if not self._begun:
            self.head, end, data = (self.head + data).partition(b"\n")
            self._begun = bool(end)
        self._write(data)
        self.size += len(data)
        self.digest.update(data)


def _with(names: dict[str, str], script: str) -> str:
    return "".join(f"{name}={words([value])}\n" for name, value in names.items()) + script


def _check(result: Result, timeout: float, what: str) -> None:
    if not result.ok:
        said = result.err.decode(errors="replace").strip()
        raise RemoteFailed(what, why=said or result.ending(timeout))
