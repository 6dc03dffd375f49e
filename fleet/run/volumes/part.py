"""A file of this machine that is there when it is whole, and not before."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from types import TracebackType

from fleet.errors import FleetError


class Part:
    """Written beside ``path``, for nobody else to read; :meth:`keep` gives it its name. Raises FleetError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sum = hashlib.sha256()
        self.count = 0

    def __enter__(self) -> Part:
        refuse_existing(self._path)
        try:
            handle, self._part = tempfile.mkstemp(".part", f".{self._path.name}.", self._path.parent)
        except OSError as error:
            raise self._failed(error) from error
        self._file = os.fdopen(handle, "wb", buffering=0)
        return self

    def write(self, data: bytes) -> None:
        try:
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise self._failed(error) from error
        self._sum.update(data)
        self.count += len(data)

    @property
    def digest(self) -> str:
        return self._sum.hexdigest()

    def keep(self) -> None:
        try:
            os.fsync(self._file.fileno())
            # Unlike a rename, this never replaces anything.
            os.link(self._part, self._path)
        except FileExistsError:
            refuse_existing(self._path)
        except OSError as error:
            raise self._failed(error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        with contextlib.suppress(OSError):
            os.unlink(self._part)

    def _failed(self, error: OSError) -> FleetError:
        return FleetError(f"{self._path} cannot be written", why=error.strerror or str(error))


def refuse_existing(path: Path) -> None:
    """Raises FleetError."""
    if path.exists() or path.is_symlink():
        raise FleetError(f"{path} is there already", hint="an export never replaces a file: name another")
