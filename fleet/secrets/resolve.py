"""All references of a run at once, all errors at once."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterable, Mapping

from fleet.errors import ConfigError, ConfigErrors
from fleet.secret import Keyring, Secret, SecretRef
from fleet.secrets.command import from_command
from fleet.secrets.environment import from_environment
from fleet.secrets.file import from_file

Provider = Callable[[str, pathlib.Path, Mapping[str, str]], str]
"""Name, the project's root and the environment → the value; raises ConfigError without a position."""

PROVIDERS: Mapping[str, Provider] = {
    "env": from_environment,
    "file": from_file,
    "command": from_command,
}


def resolve(refs: Iterable[SecretRef], root: pathlib.Path, environ: Mapping[str, str]) -> Keyring:
    """Read every reference once.

    Raises ConfigErrors with each one that cannot be had, at the place that refers to it.
    """
    found: dict[SecretRef, Secret] = {}
    errors: list[ConfigError] = []
    for ref in sorted(set(refs), key=str):
        try:
            found[ref] = Secret(PROVIDERS[ref.provider](ref.name, root, environ))
        except ConfigError as error:
            error.at = ref.at
            errors.append(error)
    if errors:
        raise ConfigErrors(errors)
    return Keyring(found)
