"""Model values as JSON and back: what a container's label, a saved plan and a release record hold.

Fields at their defaults are left out, so that a field added later changes no stored value and no digest.
Positions in files are left out too. A secret is its reference, never its value.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fleet.model import gates
from fleet.model.services import Service
from fleet.secret import Hole, SealedText, SecretRef

T = TypeVar("T")
Decode = Callable[[Any], Any]

KINDS: dict[str, type] = {
    "docker": gates.DockerCheck,
    "running": gates.RunningCheck,
    "http": gates.HttpCheck,
    "tcp": gates.TcpCheck,
    "exec": gates.ExecCheck,
    "controller": gates.ControllerCheck,
    "log": gates.LogCheck,
    "any": gates.AnyOf,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


def dump(value: Any) -> Any:
    """``value`` in JSON's own types."""
    if isinstance(value, SealedText):
        return {"secret": [_dump_part(part) for part in value.parts]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _dump_fields(value)
    if isinstance(value, (tuple, list)):
        return [dump(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): dump(item) for key, item in value.items()}
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"{type(value).__name__} is not a model value")


def _dump_part(part: str | Hole) -> Any:
    if isinstance(part, str):
        return part
    return {"ref": f"{part.ref.provider}:{part.ref.name}", **({"quoted": True} if part.quoted else {})}


def _dump_fields(value: Any) -> dict[str, Any]:
    kind = _NAMES.get(type(value))
    found: dict[str, Any] = {"kind": kind} if kind else {}
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if field.compare and item != _default(field):
            found[field.name] = dump(item)
    return found


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def load(kind: type[T], data: Any) -> T:
    """The value that :func:`dump` made ``data`` from. Raises ValueError when it cannot be one of ``kind``."""
    shape: Any = kind
    return typing.cast(T, _decoder(shape)(data))


def canonical(data: Any) -> str:
    """The one JSON text of ``data``: equal values give equal texts."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(service: Service, image: str, fingerprints: Mapping[str, str]) -> str:
    """16 hex digits that change when the container must be made anew.

    ``image`` is ``name@digest`` of the image, and counts instead of how it was written; ``fingerprints`` are
    those of the secrets by ``str(reference)``. It covers the container, its secret files, and configuration
    that has no reload: not how it is updated.
    """
    parts = {
        "container": dump(dataclasses.replace(service.container, image=image)),
        "secrets": dump(service.secrets),
        "configs": [dump(directory) for directory in service.configs if directory.reload is None],
    }
    used = sorted({str(ref) for ref in _refs(parts)})
    # One whose value is not known yet still counts by its name.
    parts["fingerprints"] = {ref: fingerprints.get(ref, "") for ref in used}
    return hashlib.sha256(canonical(parts).encode()).hexdigest()[:16]


def _refs(data: Any) -> typing.Iterator[SecretRef]:
    if isinstance(data, dict) and "secret" in data:
        yield from _sealed(data).refs
    elif isinstance(data, dict):
        for item in data.values():
            yield from _refs(item)
    elif isinstance(data, list):
        for item in data:
            yield from _refs(item)


@functools.cache
def _decoder(kind: Any) -> Decode:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _union(arguments)
    if origin is tuple and arguments[-1:] == (...,):
        return lambda data: tuple(map(_decoder(arguments[0]), _is(list, data)))
    if origin is tuple:
        return lambda data: tuple(
            _decoder(one)(item) for one, item in zip(arguments, _is(list, data), strict=True)
        )
    if origin is not None and issubclass(origin, Mapping):
        return lambda data: {key: _decoder(arguments[1])(item) for key, item in _is(dict, data).items()}
    if kind is SealedText:
        return _sealed
    if dataclasses.is_dataclass(kind):
        return _fields(typing.cast(type, kind))
    if kind is float:
        return lambda data: data if type(data) is int else _is(float, data)
    return lambda data: _is(kind, data)


def _is(kind: type, data: Any) -> Any:
    # bool is an int to Python, but not here.
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise ValueError(f"{kind.__name__} expected, not {type(data).__name__}")
    return data


def _fields(kind: type) -> Decode:
    hints = typing.get_type_hints(kind)
    fields = {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.compare}

    def decode(data: Any) -> Any:
        given = {name: item for name, item in _is(dict, data).items() if name != "kind"}
        unknown = given.keys() - fields.keys()
        if unknown:
            raise ValueError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
        try:
            return kind(**{name: _decoder(fields[name])(item) for name, item in given.items()})
        except TypeError as error:
            raise ValueError(str(error)) from error

    return decode


def _union(members: tuple[Any, ...]) -> Decode:
    def decode(data: Any) -> Any:
        if isinstance(data, dict):
            return _of_mapping(members, data)
        for member in members:
            if member is type(None) and data is None:
                return None
            if member in (str, int, float, bool) and type(data) is member:
                return data
        nested = [m for m in members if typing.get_origin(m) is tuple or m is float]
        if not nested:
            raise ValueError(f"{type(data).__name__} is not one of its kinds")
        return _decoder(nested[0])(data)

    return decode


def _of_mapping(members: tuple[Any, ...], data: dict[str, Any]) -> Any:
    if "secret" in data and SealedText in members:
        return _sealed(data)
    classes = [member for member in members if dataclasses.is_dataclass(member) and member is not SealedText]
    if "kind" in data:
        classes = [member for member in classes if KINDS.get(data["kind"]) is member]
    if len(classes) != 1:
        raise ValueError(f"unknown kind {data.get('kind')!r}")
    shape: Any = classes[0]
    return _decoder(shape)(data)


def _sealed(data: Any) -> SealedText:
    return SealedText(tuple(_part(part) for part in _is(list, _is(dict, data).get("secret"))))


def _part(part: Any) -> str | Hole:
    if isinstance(part, str):
        return part
    provider, _, name = _is(str, _is(dict, part).get("ref")).partition(":")
    return Hole(SecretRef(provider, name), bool(part.get("quoted")))
