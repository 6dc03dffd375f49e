"""Compose's ways to write a value, each read into one normal form.

The readers raise PydanticCustomError; the place is added where the whole file is validated.
"""

from __future__ import annotations

import math
import re
import shlex
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

from fleet.config.yaml_errors import shortened
from fleet.render.guarded import joined
from fleet.secret import SealedText, Text

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w)")
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_LARGEST = 2**63 - 1
_DIGITS = 20
_LONGEST = 3660 * 86400
"""Seconds; the engine's own limit is 292 years, and nobody waits for those."""

N = TypeVar("N", int, float)


def wrong(message: str, *, hint: str = "") -> PydanticCustomError:
    """``message`` is shown as it is; pydantic would fill braces in it."""
    return PydanticCustomError("wrong", "{message}", {"message": message, "hint": hint})


def text(value: Any) -> str:
    """Text without secrets; a number counts as its digits, since an expression may give one."""
    if isinstance(value, SealedText):
        raise wrong(
            "a secret cannot stand here: only in environment and in files",
            hint="others could read it here; the program can read it from its environment or /run/secrets",
        )
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise wrong(f"must be text, not {name_of(value)}")
    if isinstance(value, str) and "\0" in value:
        raise wrong("a NUL cannot stand here: no program takes one")
    return number_text(value) if not isinstance(value, str) else value


def sealable(value: Any) -> Text:
    """Text that may hold secrets."""
    return value if isinstance(value, SealedText) else text(value)


def env_value(value: Any) -> Text | None:
    """None: the name stands without a value."""
    return None if value is None else _value(value)


def env_name(value: str) -> str:
    if not value or "=" in value or "\0" in value:
        raise wrong(f"{_shown(value)} cannot be the name of a variable")
    return value


def label_value(value: Any) -> str:
    return "" if value is None else text(_value(value))


def _value(value: Any) -> Text:
    if isinstance(value, bool):
        return "true" if value else "false"
    return sealable(value)


def number_text(value: float) -> str:
    """A number as Compose prints it: 1.0 is ``1``."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def name_of(value: Any) -> str:
    """What a value is, in the operator's words."""
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    kinds |= {dict: "a mapping", type(None): "nothing", SealedText: "a secret"}
    return kinds.get(type(value), "text" if isinstance(value, str) else f"a {type(value).__name__}")


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise wrong(f"must be true or false, not {_shown(value)}")


def integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return _within(value, value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value):
        return _within(int(value) if len(value) < _DIGITS else _LARGEST + 1, value)
    raise wrong(f"must be a whole number, not {_shown(value)}")


def number(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(_within(value, value))
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d+)?", value):
        return _within(float(value), value)
    raise wrong(f"must be a number, not {_shown(value)}")


def duration(value: Any) -> float:
    """Seconds of ``1m30s``, ``500ms``."""
    if value in (0, "0") and not isinstance(value, bool):
        return 0.0
    if isinstance(value, int) and not isinstance(value, bool):
        raise wrong(f"a duration needs a unit: {value}s")
    found = _DURATION.findall(value) if isinstance(value, str) else []
    if not found or "".join(amount + unit for amount, unit in found) != value:
        raise wrong(f"{_shown(value)} is not a duration: write it as 1m30s, 500ms or 2h")
    seconds = sum(float(amount) * _SECONDS[unit] for amount, unit in found)
    if seconds > _LONGEST:
        raise wrong(f"{_shown(value)} is longer than {_LONGEST // 86400} days")
    return float(round(seconds, 9))


def size(value: Any) -> int:
    """Bytes of ``512m``, ``1.5g``, ``64kb``; powers of 1024 as in Compose."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _within(value, value)
    found = _BYTES.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise wrong(f"{_shown(value)} is not a size: write it as 512m, 1.5g or a number of bytes")
    return int(_within(float(found[1]) * 1024 ** "_kmgtp".index(found[2].lower() or "_"), value))


def size_or_unlimited(value: Any) -> int:
    return -1 if value in (-1, "-1") else size(value)


def microseconds(value: Any) -> int:
    """A CPU period or quota: microseconds, or a duration."""
    return integer(value) if isinstance(value, int) else round(duration(value) * 1e6)


def file_mode(value: Any) -> str:
    """Four octal digits. YAML reads an unquoted 0640 as octal, and 640 as decimal: that one is refused."""
    if isinstance(value, str) and re.fullmatch(r"0?[0-7]{3}", value):
        return value.zfill(4)
    if isinstance(value, int) and not isinstance(value, bool):
        raise wrong(f'write the mode as four octal digits in quotes, such as "0640" (this is {value:#o})')
    raise wrong(f'{_shown(value)} is not a mode: four octal digits in quotes, such as "0640"')


def octal_mode(value: Any) -> str:
    """Compose's ``mode`` of a secret: an octal number (0440) or the same in quotes."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0o777:
        return f"{value:04o}"
    return file_mode(value)


def words(value: Any) -> tuple[str, ...] | None:
    """A command: a list as it is, text split like a shell would. Never a secret: it would stand in the
    host's process table."""
    if value is None:
        return None
    if isinstance(value, list):
        return tuple(text(item) for item in value)
    line = text(value)
    try:
        return tuple(shlex.split(line))
    except ValueError as error:
        raise wrong(f"cannot be split into words: {str(error).lower()}") from error


def needed_words(value: Any) -> tuple[str, ...]:
    """A command that may not be empty."""
    found = words(value)
    if not found:
        raise wrong("must be a command")
    return found


def as_list(value: Any) -> Any:
    """One value stands for a list of one."""
    return value if isinstance(value, list) or value is None else [value]


def as_pairs(value: Any) -> Any:
    """``[KEY=value, KEY]`` as the mapping that it stands for."""
    if not isinstance(value, list):
        return value
    pairs: dict[str, Text | None] = {}
    for item in value:
        parts = item.parts if isinstance(item, SealedText) else (text(item),)
        name, equals, rest = parts[0].partition("=") if isinstance(parts[0], str) else ("", "", "")
        if not name:
            raise wrong("each item must be NAME=value")
        pairs[name] = joined([rest, *(SealedText((p,)) for p in parts[1:])]) if equals else None
    return pairs


def as_names(value: Any) -> Any:
    """``[a, b]`` as ``{a: null, b: null}``."""
    return {text(name): None for name in value} if isinstance(value, list) else value


def _within(number: N, written: Any) -> N:
    """What the engine can take: it counts with 64 bits."""
    if math.isfinite(number) and abs(number) <= _LARGEST:
        return number
    raise wrong(f"{_shown(written)} is too large a number")


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(shortened(value))
    return shortened(str(value)) if isinstance(value, (str, int, float)) else name_of(value)


Str = Annotated[str, BeforeValidator(text, json_schema_input_type=str | int | float)]
Sealable = Annotated[Any, PlainValidator(sealable, json_schema_input_type=str | int | float)]
Bool = Annotated[bool, BeforeValidator(boolean, json_schema_input_type=bool | str)]
Int = Annotated[int, BeforeValidator(integer, json_schema_input_type=int | str)]
Natural = Annotated[Int, Field(ge=0)]
Number = Annotated[float, BeforeValidator(number, json_schema_input_type=float | str)]
Duration = Annotated[float, BeforeValidator(duration, json_schema_input_type=str)]
Size = Annotated[int, BeforeValidator(size, json_schema_input_type=int | str)]
SwapSize = Annotated[int, BeforeValidator(size_or_unlimited, json_schema_input_type=int | str)]
Microseconds = Annotated[int, BeforeValidator(microseconds, json_schema_input_type=int | str)]
FileMode = Annotated[str, BeforeValidator(file_mode)]
OctalMode = Annotated[str, BeforeValidator(octal_mode, json_schema_input_type=int | str)]
Words = Annotated[Any, PlainValidator(words, json_schema_input_type=str | list[str] | None)]
NeededWords = Annotated[Any, PlainValidator(needed_words, json_schema_input_type=str | list[str])]
StrList = Annotated[list[Str], BeforeValidator(as_list, json_schema_input_type=str | list[str])]
_EnvValue = Annotated[Any, PlainValidator(env_value, json_schema_input_type=str | int | float | bool | None)]
_LabelValue = Annotated[
    str, BeforeValidator(label_value, json_schema_input_type=str | int | float | bool | None)
]
_PairsInput = list[str] | dict[str, str | int | float | bool | None]
_EnvName = Annotated[str, AfterValidator(env_name)]
Environment = Annotated[
    dict[_EnvName, _EnvValue], BeforeValidator(as_pairs, json_schema_input_type=_PairsInput)
]
Labels = Annotated[dict[str, _LabelValue], BeforeValidator(as_pairs, json_schema_input_type=_PairsInput)]
