"""Cutting a role's hosts into batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from fleet.model.services import Batches

T = TypeVar("T")


def amount(size: int | str, total: int) -> int:
    """Hosts that ``size`` means: a count, or a percentage of ``total`` rounded down, at least one."""
    if isinstance(size, int):
        return size
    return max(1, total * int(size.rstrip("%")) // 100)


def least(minimum: int | str, total: int) -> int:
    """Hosts that a minimum means: a count, or a percentage of ``total`` rounded up."""
    return minimum if isinstance(minimum, int) else -(-total * int(minimum.rstrip("%")) // 100)


def cut(items: Sequence[T], batches: Batches, total: int) -> tuple[tuple[T, ...], ...]:
    """``items`` in batches; percentages are of ``total``, and the last size repeats.

    A size of 0 means all at once, as Compose's ``parallelism: 0`` does.
    """
    result: list[tuple[T, ...]] = []
    rest = tuple(items)
    while rest:
        size = batches.sizes[min(len(result), len(batches.sizes) - 1)]
        count = amount(size, total) or len(rest)
        result.append(rest[:count])
        rest = rest[count:]
    return tuple(result)
