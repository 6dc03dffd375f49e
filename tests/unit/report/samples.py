"""An event of every type, with every field filled, by reflection: a new field is under test at once."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator

from fleet.report import events as ev

TYPES: tuple[type, ...] = typing.get_args(ev.Event)


def fill(kind: type, text: Callable[[str], str]) -> ev.Event:
    """``text`` makes the value of a string field from the field's name."""
    hints = typing.get_type_hints(kind)
    values = {field.name: _value(hints[field.name], text(field.name)) for field in dataclasses.fields(kind)}
    return kind(**values)  # type: ignore[no-any-return]


def every(text: Callable[[str], str] = lambda name: name) -> Iterator[ev.Event]:
    return (fill(kind, text) for kind in TYPES)


def _value(hint: object, text: str) -> object:
    plain = {str: text, int: 3, float: 1.5, bool: True}
    if hint in plain:
        return plain[hint]  # type: ignore[index]
    if isinstance(hint, types.GenericAlias) and hint.__origin__ is tuple:
        kinds = typing.get_args(hint)
        if kinds[-1] is Ellipsis:
            return (_value(kinds[0], text), _value(kinds[0], f"{text} again"))
        return tuple(_value(kind, text) for kind in kinds)
    raise AssertionError(f"an event may not hold {hint}: its readers would not know what to do")
