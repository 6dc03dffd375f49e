"""The few of Ansible's filters that nearly every template uses, with Ansible's output."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from fleet.render.guarded import Guarded, SecretMangled, require


def plain_json(value: Any) -> Any:
    """What ``json.dumps`` asks for values that it does not know."""
    require(value)
    if isinstance(value, Guarded):
        raise SecretMangled
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def to_json(value: Any) -> str:
    return json.dumps(value, default=plain_json)


def to_nice_json(value: Any, indent: int = 4) -> str:
    return json.dumps(value, default=plain_json, indent=indent, sort_keys=True, separators=(",", ": "))


def to_yaml(value: Any) -> str:
    plain = json.loads(to_json(value))
    return yaml.safe_dump(plain, allow_unicode=True, default_flow_style=None)


def b64encode(value: Any) -> str:
    return base64.b64encode(str(value).encode()).decode()


def regex_replace(
    value: Any, pattern: str, replacement: str = "", ignorecase: bool = False, multiline: bool = False
) -> str:
    flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
    return re.sub(pattern, replacement, str(value), flags=flags)


FILTERS: dict[str, Callable[..., Any]] = {
    "to_json": to_json,
    "to_nice_json": to_nice_json,
    "to_yaml": to_yaml,
    "b64encode": b64encode,
    "regex_replace": regex_replace,
}
