"""The environment of a container: who its peers are, its files, then its own names, sorted."""

from __future__ import annotations

from collections import ChainMap
from typing import Any

from fleet.config.roles import env_file
from fleet.config.roles.compose_parts import EnvFile
from fleet.config.roles.guest import guest_environment
from fleet.config.roles.scalars import env_value
from fleet.config.roles.scope import ServiceScope
from fleet.errors import ConfigError
from fleet.secret import Text
from fleet.suggest import suggest


def environment(service: ServiceScope) -> tuple[tuple[str, Text], ...]:
    merged: dict[str, Text] = {**guest_environment(service)}
    for index, entry in enumerate(service.model.env_file):
        try:
            merged |= _from_file(service, entry, index)
        except ConfigError as error:
            service.take(error, "env_file", index)
    for name, value in service.model.environment.items():
        if value is not None:
            merged[name] = value
            continue
        try:
            merged |= _inherited(service, name)
        except ConfigError as error:
            service.take(error, "environment", name)
    return tuple(sorted(merged.items(), key=lambda pair: pair[0]))


def _inherited(service: ServiceScope, name: str) -> dict[str, Text]:
    """Compose takes a name without a value from the environment it runs in; here that is the inventory."""
    variables = service.role.variables
    try:
        found = env_value(service.role.source.renderer.lookup(name, variables))
    except KeyError:
        what = f"{name!r} has no value, and no variable has this name{suggest(name, variables)}"
        raise ConfigError(what, hint="give it a value, or set the variable in the inventory") from None
    return {} if found is None else {name: found}


def _from_file(service: ServiceScope, entry: EnvFile, index: int) -> dict[str, Text]:
    source, variables = service.role.source, service.role.variables

    def filled(value: str, above: dict[str, Text]) -> Text:
        return source.renderer.interpolate(value, ChainMap[str, Any](above, variables))  # type: ignore[arg-type]

    text = source.text(entry.path)
    if text is None:
        if entry.required:
            hint = f"it is looked for below {source.shown}"
            service.wrong(f"there is no file {entry.path!r}", "env_file", index, hint=hint)
        return {}
    parsed = env_file.parse(text, f"{source.shown}/{entry.path}", filled, raw=entry.format == "raw")
    found: dict[str, Text] = {}
    for name, value in parsed.items():
        if value is not None:
            found[name] = value
        elif name in variables:
            found |= _inherited(service, name)
    return found
