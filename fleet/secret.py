"""Secrets as references and holes: nothing that plans, prints or saves ever holds a secret's value.

A ``!secret provider:name`` in a file becomes a :class:`SecretRef`. Text around it becomes a
:class:`SealedText`, whose holes are filled by a :class:`Keyring` where it is sent: in the transport and by
notifiers, and nowhere else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fleet.errors import Position

MASK = "‹secret›"
PROVIDERS = ("env", "file", "command")
"""What may stand before the colon of a reference; ``fleet.secrets`` has one file for each."""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret's value is to be had: ``env:NAME``, ``file:PATH`` or ``command:WORDS``."""

    provider: str
    name: str
    at: Position | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"!secret {self.provider}:{self.name}"


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in a text where a secret goes. ``quoted``: inside single quotes of a shell script."""

    ref: SecretRef
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class SealedText:
    """Text with holes. Deliberately not a ``str``: joining or writing it is a type error."""

    parts: tuple[str | Hole, ...]

    @property
    def refs(self) -> tuple[SecretRef, ...]:
        return tuple(part.ref for part in self.parts if isinstance(part, Hole))

    def __str__(self) -> str:
        return "".join(part if isinstance(part, str) else f"‹{part.ref}›" for part in self.parts)

    def __repr__(self) -> str:
        return repr(str(self))

    def __add__(self, other: Text) -> SealedText:
        return SealedText(self.parts + parts_of(other))

    def __radd__(self, other: str) -> SealedText:
        return SealedText((other, *self.parts))


Text = str | SealedText


def parts_of(text: Text) -> tuple[str | Hole, ...]:
    return text.parts if isinstance(text, SealedText) else (text,)


def refs_of(text: Text) -> tuple[SecretRef, ...]:
    return text.refs if isinstance(text, SealedText) else ()


def concat(texts: Iterable[Text], separator: str = "") -> Text:
    """Join texts; the result is sealed as soon as one of them is."""
    parts: list[str | Hole] = []
    for index, text in enumerate(texts):
        if index and separator:
            parts.append(separator)
        parts.extend(parts_of(text))
    if any(isinstance(part, Hole) for part in parts):
        return SealedText(tuple(parts))
    return "".join(part for part in parts if isinstance(part, str))


class Secret:
    """A secret's value. Not a ``str``, not printable, not picklable; only :meth:`reveal` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def fingerprint(self, key: bytes) -> str:
        """16 hex digits that change with the value; without ``key`` they tell nothing of it."""
        return hmac.new(key, self._value.encode(), hashlib.sha256).hexdigest()[:16]

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce__(self) -> str:
        raise TypeError("a secret is never serialised")


class Keyring:
    """The resolved secrets of one run; it grows while more references become known."""

    def __init__(self, secrets: Mapping[SecretRef, Secret] | None = None) -> None:
        self._secrets = dict(secrets or {})

    def learn(self, other: Keyring) -> None:
        # Another thread may be masking with them.
        self._secrets = {**self._secrets, **other._secrets}

    def __repr__(self) -> str:
        return f"Keyring({len(self._secrets)} secrets)"

    def __iter__(self) -> Iterator[SecretRef]:
        return iter(self._secrets)

    def fingerprints(self, key: bytes) -> dict[SecretRef, str]:
        return {ref: secret.fingerprint(key) for ref, secret in self._secrets.items()}

    def reveal(self, text: Text) -> str:
        """Fill the holes. For what sends it only: the transport, a notifier.

        Raises KeyError when a reference was never resolved, which is a mistake in Fleet itself.
        """
        filled = []
        for part in parts_of(text):
            if isinstance(part, str):
                filled.append(part)
            else:
                value = self._secrets[part.ref].reveal()
                filled.append(value.replace("'", "'\\''") if part.quoted else value)
        return "".join(filled)

    def redact(self, text: str) -> str:
        """Mask every known value, and its lines, wherever it turns up: the second wall."""
        for needle in self._needles():
            text = text.replace(needle, MASK)
        return text

    def _needles(self) -> list[str]:
        found: set[str] = set()
        for secret in self._secrets.values():
            value = secret.reveal()
            found.update({value, *value.splitlines(), *_written(value)})
        # Very short values would mask ordinary words and make every message unreadable.
        return sorted((needle for needle in found if len(needle) >= 4), key=len, reverse=True)


def _written(value: str) -> set[str]:
    """The other ways in which a value turns up in messages: in Python, JSON, a URL, a shell, base64."""
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")
    return {
        repr(value)[1:-1],
        json.dumps(value)[1:-1],
        urllib.parse.quote(value, safe=""),
        urllib.parse.quote_plus(value),
        value.replace("'", "'\\''"),
        # Its last character also depends on what follows the value.
        encoded[:-1],
    }
