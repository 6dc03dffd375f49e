"""Which secrets a value refers to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from fleet.secret import SealedText, SecretRef


def all_refs(*values: Any) -> set[SecretRef]:
    """Every secret reference in model values: a desired state, credentials, mappings and tuples of them."""
    found: set[SecretRef] = set()
    for value in values:
        found.update(_walk(value))
    return found


def _walk(value: Any) -> Iterator[SecretRef]:
    if isinstance(value, (str, int, float, type(None))):
        return
    if isinstance(value, SealedText):
        yield from value.refs
    elif isinstance(value, SecretRef):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _walk(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield from _walk(tuple(value.values()))
    elif isinstance(value, (tuple, list, set, frozenset)):
        for item in value:
            yield from _walk(item)
