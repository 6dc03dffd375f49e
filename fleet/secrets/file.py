"""``!secret file:PATH``: a file below the project, readable by its owner alone."""

from __future__ import annotations

import os
import pathlib
import stat
from collections.abc import Mapping

from fleet.errors import ConfigError


def from_file(name: str, root: pathlib.Path, environ: Mapping[str, str]) -> str:
    """The content without its last newline; ``name`` is relative to the project, ``~`` is the home."""
    path = root / name
    try:
        path = root / pathlib.Path(name).expanduser()
        # The mode is that of the file that is read: open first, then look at the open one.
        with path.open(encoding="utf-8") as file:
            _check(name, path, os.fstat(file.fileno()))
            return file.read().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        # "from None": the cause would carry the content along.
        raise ConfigError(f"!secret file:{name}: the file is not UTF-8 text", why=str(path)) from None
    except (OSError, ValueError, RuntimeError) as error:
        # The last two: a NUL in the name, a ~user that is not there.
        why = f"{path}: {getattr(error, 'strerror', None) or error}"
        hint = "make it, readable by you only; the path is relative to the project"
        raise ConfigError(f"!secret file:{name}: cannot read the file", why=why, hint=hint) from error


def _check(name: str, path: pathlib.Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        what = f"!secret file:{name}: others may read the file (mode {mode:04o})"
        raise ConfigError(what, hint=f"chmod 600 {path}")
    if found.st_uid not in (os.geteuid(), 0):
        what = f"!secret file:{name}: the file belongs to user {found.st_uid}, not to you"
        raise ConfigError(what, hint=f"chown {os.geteuid()} {path}")
