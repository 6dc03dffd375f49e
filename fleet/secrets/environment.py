"""``!secret env:NAME``: a variable of the controller's environment."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from fleet.errors import ConfigError


def from_environment(name: str, root: pathlib.Path, environ: Mapping[str, str]) -> str:
    """The value as it is. An empty one is an error: it is nearly always a variable that a shell never set."""
    if name not in environ:
        hint = f"export {name}=…, or use !secret file: or command:"
        raise ConfigError(f"!secret env:{name}: the variable is not set", hint=hint)
    if not environ[name]:
        raise ConfigError(f"!secret env:{name}: the variable is empty", hint=f"export {name}=…")
    return environ[name]
