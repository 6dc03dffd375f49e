"""Variables with which repositories of restic are opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.errors import ConfigError
from fleet.model.archives import Access
from fleet.model.hosts import Host
from fleet.secret import Hole, SealedText, SecretRef, Text

PASSWORD = "fleet_restic_password"  # noqa: S105 - its name
ENVIRONMENT = "fleet_restic_environment"
KEY, KNOWN_HOSTS = "fleet_restic_key", "fleet_restic_known_hosts"


def restic_access(host: Host) -> Access:
    """Raises ConfigError."""
    environment = host.vars.get(ENVIRONMENT) or {}
    if not isinstance(environment, Mapping):
        raise ConfigError(
            f"{ENVIRONMENT} must be a mapping of names to values",
            at=host.at(ENVIRONMENT),
            hint="AWS_ACCESS_KEY_ID: …, AWS_SECRET_ACCESS_KEY: !secret …",
        )
    if not host.vars.get(PASSWORD):
        raise ConfigError(
            f"{PASSWORD} is not set for {host.name}",
            why="restic encrypts all that it keeps",
            hint=f"{PASSWORD}: !secret … in group_vars; without it nothing can be read again, so keep it",
        )
    return Access(
        _text(host, PASSWORD, host.vars[PASSWORD]),
        {str(name): _text(host, ENVIRONMENT, value) for name, value in environment.items()},
        _text(host, KEY, host.vars.get(KEY) or ""),
        _text(host, KNOWN_HOSTS, host.vars.get(KNOWN_HOSTS) or ""),
    )


def _text(host: Host, name: str, value: Any) -> Text:
    if isinstance(value, SecretRef):
        return SealedText((Hole(value),))
    if isinstance(value, bool) or not isinstance(value, str | int | SealedText):
        raise ConfigError(f"{name}: a text is expected", at=host.at(name))
    return str(value) if isinstance(value, int) else value
