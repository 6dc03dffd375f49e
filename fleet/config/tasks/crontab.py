"""The times of a line of a crontab. cron passes over a whole file for one that it cannot read, and says so in
its log only."""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NUMBERS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}
_WORDS = {"month": _MONTHS, "weekday": _DAYS}
_PART = re.compile(r"(?:\*|(?P<first>[0-9a-z]+)(?:-(?P<last>[0-9a-z]+))?)(?:/0*[1-9][0-9]{0,2})?")

FIELDS = tuple(_NUMBERS)


def is_time(field: str, written: str) -> bool:
    """``*``, ``*/5``, ``1-5``, ``mon,fri``."""
    return all(_is_part(field, part) for part in written.lower().split(","))


def expected(field: str) -> str:
    first, last = _NUMBERS[field]
    return f"numbers from {first} to {last}" + (f", or {_WORDS[field][0]} …" if field in _WORDS else "")


def _is_part(field: str, part: str) -> bool:
    found = _PART.fullmatch(part)
    return found is not None and all(_fits(field, one) for one in (found["first"], found["last"]) if one)


def _fits(field: str, word: str) -> bool:
    first, last = _NUMBERS[field]
    if word.isdecimal():
        return len(word) <= 2 and first <= int(word) <= last
    return word in _WORDS.get(field, ())
