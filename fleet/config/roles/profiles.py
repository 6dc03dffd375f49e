"""Which of a role's services a host has: all but those whose profiles the host does not name."""

from __future__ import annotations

from typing import Any

from fleet.config.roles.compose import ServiceModel
from fleet.config.roles.source import RoleSource
from fleet.config.settings import PROFILES
from fleet.errors import ConfigError
from fleet.render import Variables


def active(model: ServiceModel, source: RoleSource, variables: Variables) -> bool:
    """Raises ConfigError: the host's profiles are no names."""
    return not model.profiles or bool({"*", *model.profiles} & _named(source, variables))


def _named(source: RoleSource, variables: Variables) -> set[str]:
    try:
        written: Any = source.renderer.lookup(PROFILES, variables)
    except KeyError:
        return set()
    names = written.split(",") if isinstance(written, str) else written
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        hint = "such as [debug, metrics], or debug,metrics"
        raise ConfigError(f"{PROFILES} is not a list of names", hint=hint)
    return {name.strip() for name in names}
