"""The second wall: whatever is about to be printed or stored passes here with every secret masked."""

from __future__ import annotations

import dataclasses
from typing import Any

from fleet.report import events as ev
from fleet.secret import Keyring


class Redactor:
    """Masks the values of every secret that the run's keyring has learnt, wherever they turn up."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    def text(self, text: str) -> str:
        return self.keyring.redact(text)

    def event(self, event: ev.Event) -> ev.Event:
        changed = {field.name: self._value(getattr(event, field.name)) for field in dataclasses.fields(event)}
        return dataclasses.replace(event, **changed)

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        return tuple(map(self._value, value)) if isinstance(value, tuple) else value
