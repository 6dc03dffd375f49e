"""Model values as JSON and back: what a container's label, a saved plan and a release record hold.

Fields at their defaults are left out, so that a field added later changes no stored value and no digest.
Positions in files are left out too. A secret is its reference, never its value.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import json
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fleet.model import gates, tasks, transitions, watch
from fleet.model.refs import all_refs
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
    "command": transitions.CommandCheck,
    "free": transitions.FreeCheck,
    "sleep": transitions.SleepCheck,
    "http value": watch.HttpValue,
    "prometheus": watch.PrometheusValue,
    "log rate": watch.LogRate,
    "watch command": watch.WatchCommand,
    "file": tasks.FileTask,
    "task command": tasks.CommandTask,
    "package": tasks.PackageTask,
    "sysctl": tasks.SysctlTask,
    "user": tasks.UserTask,
    "cron": tasks.CronTask,
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
    parts: dict[str, Any] = {
        "container": dataclasses.replace(service.container, image=image),
        "secrets": service.secrets,
        "configs": [directory for directory in service.configs if directory.reload is None],
    }
    used = {str(ref) for ref in all_refs(parts)}
    # One whose value is not known yet still counts by its name.
    parts["fingerprints"] = {ref: fingerprints.get(ref, "") for ref in used}
    return hashlib.sha256(canonical(dump(parts)).encode()).hexdigest()[:16]


@functools.cache
def _decoder(kind: Any) -> Decode:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return lambda data: _first_that_fits(arguments, data)
    if origin is tuple and arguments[-1:] == (...,):
        return lambda data: tuple(map(_decoder(arguments[0]), _is(list, data)))
    if origin is tuple:
        return lambda data: tuple(
            _decoder(one)(item) for one, item in zip(arguments, _is(list, data), strict=True)
        )
    if origin is Mapping:
        return lambda data: {key: _decoder(arguments[1])(item) for key, item in _is(dict, data).items()}
    if kind is SealedText:
        return lambda data: SealedText(tuple(map(_part, _is(list, _is(dict, data).get("secret")))))
    if dataclasses.is_dataclass(kind):
        return _fields(typing.cast(type, kind))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind
    if kind is float:
        return lambda data: data if type(data) is int else _is(float, data)
    return lambda data: _is(kind, data)


def _first_that_fits(kinds: tuple[Any, ...], data: Any) -> Any:
    reasons = []
    for kind in kinds:
        try:
            return _decoder(kind)(data)
        except ValueError as error:
            reasons.append(str(error))
    raise ValueError(" or ".join(reasons))


def _is(kind: type, data: Any) -> Any:
    # bool is an int to Python, but not here.
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise ValueError(f"{kind.__name__} expected, not {type(data).__name__}")
    return data


def _fields(kind: type) -> Decode:
    hints = typing.get_type_hints(kind)
    fields = {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.compare}
    name = {"kind": _NAMES[kind]} if kind in _NAMES else {}

    def decode(data: Any) -> Any:
        given = {**_is(dict, data)}
        if name and {"kind": given.pop("kind", None)} != name:
            raise ValueError(f"{kind.__name__} expected")
        if unknown := given.keys() - fields.keys():
            raise ValueError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
        try:
            return kind(**{key: _decoder(fields[key])(item) for key, item in given.items()})
        except TypeError as error:
            raise ValueError(str(error)) from error

    return decode


def _part(part: Any) -> str | Hole:
    if isinstance(part, str):
        return part
    provider, _, name = _is(str, _is(dict, part).get("ref")).partition(":")
    return Hole(SecretRef(provider, name), bool(part.get("quoted")))
