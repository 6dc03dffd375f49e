"""``!secret command:WORDS``: what a command prints, such as a password manager's."""

from __future__ import annotations

import pathlib
import shlex
import subprocess
from collections.abc import Mapping

from fleet.errors import ConfigError

TIMEOUT = 30.0
_LINES = 10


def from_command(
    name: str, root: pathlib.Path, environ: Mapping[str, str], *, timeout: float = TIMEOUT
) -> str:
    """Standard output without its last newline. No shell, in the project's root, ``timeout`` seconds.

    What the command prints on failure is shown from standard error only: standard output may be the secret.
    """
    where = f"!secret command:{name}"
    try:
        words = shlex.split(name)
        done = subprocess.run(  # noqa: S603 (the operator's own words, split, without a shell)
            words,
            cwd=root,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        hint = "run it by hand: it may be waiting for a login"
        why = _tail(error.stderr)
        raise ConfigError(f"{where}: no answer within {timeout:g} s", why=why, hint=hint) from None
    except OSError as error:
        raise ConfigError(f"{where}: cannot be run", why=error.strerror or str(error)) from error
    except ValueError as error:
        raise ConfigError(f"{where}: cannot be split into words", why=str(error)) from error
    if done.returncode:
        raise ConfigError(f"{where}: exit code {done.returncode}", why=_tail(done.stderr))
    try:
        value = done.stdout.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        # "from None": the cause would carry the output along.
        raise ConfigError(f"{where}: the output is not UTF-8 text") from None
    if not value:
        raise ConfigError(f"{where}: it printed nothing", why=_tail(done.stderr))
    return value


def _tail(raw: bytes | None) -> str:
    return "\n".join((raw or b"").decode(errors="replace").splitlines()[-_LINES:])
