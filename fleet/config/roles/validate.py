"""A Compose file → its model: rendered, validated, pydantic's errors in the operator's words and places."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fleet.config.problems import FileProblems
from fleet.config.roles.compose import ComposeFile
from fleet.config.roles.keys import REFUSED, REMARKS
from fleet.config.roles.scalars import name_of
from fleet.config.roles.strict import LIST, MAP, TEXT
from fleet.config.yaml import Path
from fleet.errors import ConfigError
from fleet.secret import Hole, SealedText, SecretRef
from fleet.suggest import suggest

M = typing.TypeVar("M", bound=BaseModel)

KEY = "[key]"
"""Pydantic's mark of an error in a mapping's key."""


def read(
    model: type[M], written: Any, render: Callable[[str], Any], problems: FileProblems, below: Path = ()
) -> M | None:
    """The model of what is ``written`` at ``below`` in the file; None after adding what is wrong."""
    unknown: list[Path] = []

    def rendered(value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: rendered(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [rendered(item, (*path, at)) for at, item in enumerate(value)]
        if isinstance(value, SecretRef):
            return SealedText((Hole(value),))
        try:
            return render(value) if isinstance(value, str) else value
        except ConfigError as error:
            problems.take(error, path)
            unknown.append(path)
            return value

    try:
        found = model.model_validate(rendered(written, below))
    except ValidationError as error:
        for details in error.errors(include_url=False):
            path = below + tuple(part for part in details["loc"] if part not in (TEXT, LIST, MAP, KEY))
            # What is said of a text that could not be rendered is only a consequence.
            if not any(_related(path, place) for place in unknown):
                _report(details, path, problems)
        return None
    return None if unknown else found


def _related(one: Path, other: Path) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _report(details: ErrorDetails, path: Path, problems: FileProblems) -> None:
    kind, context = details["type"], details.get("ctx", {})
    key = str(path[-1]) if path else "the file"
    if kind == "extra_forbidden":
        _extra(path, problems)
    elif kind == "missing":
        problems.add(f"{key!r} is missing", path[:-1], key=True)
    elif kind == "literal_error":
        _literal(details["input"], path, context["expected"], problems)
    elif kind == "wrong":
        is_key = details["loc"][-1] == KEY
        name = f"{key}: " if isinstance(path[-1], str) and not is_key else ""
        problems.add(f"{name}{details['msg']}", path, hint=context["hint"], key=is_key)
    else:
        found = name_of(details["input"])
        what = MESSAGES[kind].format(found=found, **context) if kind in MESSAGES else details["msg"]
        problems.add(f"{key}: {what}", path)


MESSAGES = {
    "model_type": "must be a mapping, not {found}",
    "dict_type": "must be a mapping, not {found}",
    "list_type": "must be a list, not {found}",
    "string_type": "must be text, not {found}",
    "union_tag_invalid": "must be text or a mapping, not {found}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "needs at least {min_length}",
    "too_long": "takes at most {max_length}",
    "string_pattern_mismatch": "may hold only what {pattern} allows",
}


def _literal(value: Any, path: Path, expected: str, problems: FileProblems) -> None:
    key, known = path[-1], [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]
    name = f"{key}: " if isinstance(key, str) else ""
    if len(known) == 1:
        what = f"only {expected} is carried out"
    else:
        what = f"{value!r} is not one of {expected}{suggest(str(value), known)}"
    hint = REMARKS.get(_level_of(path[:-1]), {}).get(str(key), "")
    problems.add(f"{name}{what}", path, hint=hint)


def _extra(path: Path, problems: FileProblems) -> None:
    key = str(path[-1])
    level = _level_of(path[:-1])
    reason = REFUSED.get(level, {}).get(key)
    if reason:
        problems.add(f"{key!r} is not carried out by Fleet", path, hint=reason, key=True)
        return
    known = [*LEVELS().get(level, ()), *REFUSED.get(level, ())]
    problems.add(f"unknown key {key!r}{suggest(key, known)}", path, key=True)


def _level_of(path: Path) -> str:
    """``services.web.ports.0`` → ``services.*.ports.*``; ``none`` for what is no mapping with keys."""
    parts = [str(part) for part in path]
    matching = (level for level in LEVELS() if _stands_for(level.split(".") if level else [], parts))
    return next(matching, "none")


def _stands_for(level: list[str], parts: list[str]) -> bool:
    return len(level) == len(parts) and all(
        key in ("*", part) for key, part in zip(level, parts, strict=True)
    )


@functools.cache
def LEVELS() -> dict[str, tuple[str, ...]]:  # noqa: N802 (a constant that is made once)
    """Level → the keys that its model carries out."""
    levels: dict[str, tuple[str, ...]] = {}
    _walk(ComposeFile, "", levels)
    return levels


def _walk(model: type[BaseModel], level: str, levels: dict[str, tuple[str, ...]]) -> None:
    if level in levels or level.count("any") > 1:
        return
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    levels[level] = tuple(fields)
    for key, field in fields.items():
        for star, inner in _models(field.annotation, ""):
            _walk(inner, f"{level}.{key}{star}".lstrip("."), levels)


def _models(annotation: Any, star: str) -> typing.Iterator[tuple[str, type[BaseModel]]]:
    """Every model within a type, with ``.*`` for each list or mapping around it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield star, annotation
        return
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _models(typing.get_args(annotation)[0], star)
        return
    deeper = star + ".*" if origin in (list, dict) else star
    for argument in typing.get_args(annotation):
        yield from _models(argument, deeper)
