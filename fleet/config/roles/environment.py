"""The environment of a container: its files, then its own names, sorted."""

from __future__ import annotations

from collections import ChainMap
from typing import Any

from fleet.config.roles import envfile
from fleet.config.roles.compose import EnvFile, ServiceModel
from fleet.config.roles.scalars import env_value
from fleet.config.roles.scope import Scope
from fleet.config.suggest import suggest
from fleet.config.yaml import Path
from fleet.errors import ConfigError
from fleet.secret import Text


def environment(scope: Scope, service: ServiceModel, path: Path) -> tuple[tuple[str, Text], ...]:
    merged: dict[str, Text] = {}
    for index, entry in enumerate(service.env_file):
        merged |= _from_file(scope, entry, (*path, "env_file", index))
    for name, value in service.environment.items():
        place = (*path, "environment", name)
        merged |= {name: value} if value is not None else _inherited(scope, name, place)
    return tuple(sorted(merged.items(), key=lambda pair: pair[0]))


def _inherited(scope: Scope, name: str, path: Path) -> dict[str, Text]:
    """Compose takes a name without a value from the environment it runs in; here that is the inventory."""
    try:
        value = scope.source.renderer.lookup(name, scope.variables)
    except KeyError:
        what = f"{name!r} has no value, and no variable has this name{suggest(name, scope.variables)}"
        scope.problems.add(what, path, hint="give it a value, or set the variable in the inventory")
        return {}
    except ConfigError as error:
        scope.problems.take(error, path)
        return {}
    found = env_value(value)
    return {} if found is None else {name: found}


def _from_file(scope: Scope, entry: EnvFile, path: Path) -> dict[str, Text]:
    try:
        text = scope.source.text(entry.path)
        if text is None:
            if entry.required:
                hint = f"it is looked for below {scope.source.shown}"
                scope.problems.add(f"there is no file {entry.path!r}", path, hint=hint)
            return {}
        shown = f"{scope.source.shown}/{entry.path}"
        parsed = envfile.parse(
            text, shown, lambda v, seen: _filled(scope, v, seen), raw=entry.format == "raw"
        )
    except ConfigError as error:
        scope.problems.take(error, path)
        return {}
    found: dict[str, Text] = {}
    for name, value in parsed.items():
        if value is not None:
            found[name] = value
        elif name in scope.variables:
            found |= _inherited(scope, name, path)
    return found


def _filled(scope: Scope, value: str, above: dict[str, Text]) -> Text:
    return scope.source.renderer.interpolate(value, ChainMap[str, Any](above, scope.variables))  # type: ignore[arg-type]
