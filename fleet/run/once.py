"""What several threads want at the same time is done once for all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar, cast

T = TypeVar("T")


class Once(Generic[T]):
    """Whoever comes while it is being done waits for the next time: what has begun before knows nothing of
    what the caller did last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = 0
        self._ended = 0
        self._found: T | None = None

    def get(self, do: Callable[[], T]) -> T:
        """What ``do`` of somebody answered that began after this call. Raises what our own raises."""
        before = self._begun
        with self._lock:
            if self._ended <= before:
                self._begun += 1
                self._found = do()
                self._ended = self._begun
            return cast(T, self._found)
