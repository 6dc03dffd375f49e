"""What templates see in place of secrets and of names that nobody defined."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NoReturn

from jinja2 import StrictUndefined, Undefined, UndefinedError
from jinja2.utils import missing

from fleet.secret import Hole, SealedText, Text, parts_of


class SecretMangled(Exception):
    """A template did something with a secret that needs its value."""


class UndefinedName(UndefinedError):
    """A name without a value; ``owner`` is what was asked for it, None for the variables themselves."""

    def __init__(self, owner: Any, name: Any, message: str) -> None:
        super().__init__(message)
        self.owner = owner
        self.name = name


class Guarded:
    """A sealed text inside a template: it can be printed and joined, and nothing else."""

    __slots__ = ("_sealed",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, sealed: SealedText) -> None:
        self._sealed = sealed

    def __add__(self, other: Any) -> Guarded:
        return Guarded(_sealed([self._sealed, _text(other)]))

    def __radd__(self, other: Any) -> Guarded:
        return Guarded(_sealed([_text(other), self._sealed]))

    def __bool__(self) -> bool:
        # A reference stands for a value that somebody set: `{% if password %}` asks for that.
        return True

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise SecretMangled

    __str__ = __repr__ = __format__ = __len__ = __iter__ = __getitem__ = __contains__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __mul__ = __mod__ = __int__ = __float__ = _refuse


class Undefinable(StrictUndefined):
    """Ansible's rule: ``a.b.c | default('x')`` works though ``a`` is undefined; any other use fails."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = UndefinedError
    ) -> None:
        owner = None if obj is missing else obj
        if exc is UndefinedError:
            super().__init__(hint, obj, name, lambda message: UndefinedName(owner, name, message))  # type: ignore[arg-type]
        else:
            super().__init__(hint, obj, name, exc)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, _: Any) -> Any:
        return self


def _text(value: Any) -> Text:
    return value._sealed if isinstance(value, Guarded) else str(value)


def _sealed(texts: Iterable[Text]) -> SealedText:
    text = joined(texts)
    return SealedText((text,)) if isinstance(text, str) else text


def sealed(value: Guarded) -> SealedText:
    """The text behind the guard."""
    return value._sealed


def joined(texts: Iterable[Text]) -> Text:
    """One text, neighbouring literals merged: equal wishes compare equal however they were written."""
    parts: list[str | Hole] = []
    for part in (part for text in texts for part in parts_of(text)):
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        elif part != "":
            parts.append(part)
    if any(isinstance(part, Hole) for part in parts):
        return SealedText(tuple(parts))
    return "".join(part for part in parts if isinstance(part, str))


def require(value: Any) -> None:
    """Raise what an undefined value was waiting to raise."""
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()


class Marks:
    """Texts that stand apart while the text around them goes through something that knows only ``str``."""

    # No value that a container can get has a NUL.
    _MARK = re.compile("\0(\\d+)\0")

    def __init__(self) -> None:
        self._texts: list[Text] = []

    def stand_in(self, text: Text) -> str:
        self._texts.append(text)
        return f"\0{len(self._texts) - 1}\0" if text != "" else ""

    def filled(self, text: str) -> Text:
        pieces = self._MARK.split(text)
        return joined(self._texts[int(piece)] if at % 2 else piece for at, piece in enumerate(pieces))
