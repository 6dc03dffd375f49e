"""The parameters of one task as their module's model; each mistake at its place, in the operator's words."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fleet.config.roles.scalars import name_of
from fleet.config.roles.validate import MESSAGES
from fleet.config.tasks.items import Item
from fleet.config.tasks.modules import ALIASES, MODULES, Module
from fleet.config.tasks.scope import Wrong
from fleet.config.tasks.words import REFUSED_PARAMETERS, REFUSED_STATES
from fleet.config.yaml import Path
from fleet.suggest import suggest

M = TypeVar("M", bound=Module)


def parameters(item: Item, model: type[M]) -> M:
    """Raises Wrong after telling all that is wrong."""
    values: dict[str, Any] = {}
    failed: list[Wrong] = []
    for name, (written, path) in item.parameters.items():
        try:
            values[name] = _value(item, name, written, path)
        except Wrong as wrong:
            failed.append(wrong)
    if failed:
        raise failed[0]
    if item.line:
        values["cmd"] = item.scope.rendered(item.line, item.at)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        told = error.errors(include_url=False)
        # What is missing may stand there under a name that is none.
        misspelt = any(details["type"] == "extra_forbidden" for details in told)
        for details in told:
            if not (misspelt and details["type"] == "missing"):
                failed.append(_told(item, details))
        raise failed[0] from error


def _value(item: Item, name: str, written: Any, path: Path) -> Any:
    if name == "mode" and isinstance(written, int) and not isinstance(written, bool):
        # YAML has read the digits as octal if they begin with 0, and as decimal if not: then it is a mistake.
        digits = item.scope.document.written(path)
        if not digits.startswith("0"):
            raise item.scope.wrong(
                f"mode: {digits} is not octal", path, f'write it in quotes: "{digits.zfill(4)}"'
            )
        return f"{written:04o}"
    return item.scope.rendered(written, path)


def known(module: str) -> list[str]:
    """The parameters that a module has here."""
    fields = (field.alias or name for name, field in MODULES[module].model_fields.items())
    return [*fields, *ALIASES.get(module, {})]


def _told(item: Item, details: ErrorDetails) -> Wrong:
    kind, context = details["type"], details.get("ctx", {})
    name = str(details["loc"][0]) if details["loc"] else ""
    path = item.parameters[name][1] if name in item.parameters else item.at
    if kind == "extra_forbidden":
        return _unknown(item, name, path)
    if kind == "missing":
        return item.scope.wrong(f"{item.key}: {name!r} is missing", item.at, key=True)
    if kind == "literal_error":
        hint = REFUSED_STATES.get((item.module, str(details["input"])), "")
        near = suggest(str(details["input"]), [word.strip(" '") for word in context["expected"].split(",")])
        what = f"{name}: {details['input']!r} is not one of {context['expected']}{near}"
        return item.scope.wrong(what, path, hint)
    if kind == "wrong":
        return item.scope.wrong(f"{name}: {details['msg']}", path, context["hint"])
    found = name_of(details["input"])
    said = MESSAGES[kind].format(found=found, **context) if kind in MESSAGES else details["msg"]
    return item.scope.wrong(f"{name}: {said}", path)


def _unknown(item: Item, name: str, path: Path) -> Wrong:
    refused = REFUSED_PARAMETERS.get(item.module, {}) | (
        REFUSED_PARAMETERS["package"] if item.module == "apt" else {}
    )
    if name in refused:
        what = f"{item.key}: {name!r} is not carried out by Fleet"
        return item.scope.wrong(what, path, refused[name], key=True)
    near = suggest(name, [*known(item.module), *refused])
    return item.scope.wrong(f"{item.key}: unknown parameter {name!r}{near}", path, key=True)
