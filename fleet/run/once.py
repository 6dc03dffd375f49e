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
        self._over = threading.Condition()
        self._busy = False
        self._begun = 0
        self._ended = 0
        self._found: T | None = None

    def get(self, do: Callable[[], T]) -> T:
        """What ``do`` of somebody answered that began after this call. Raises what our own raises."""
        with self._over:
            before = self._begun
            # Not a lock that is held meanwhile: all who were waited for wake at once.
            while self._busy:
                self._over.wait()
                if self._ended > before:
                    return cast(T, self._found)
            self._busy, self._begun = True, self._begun + 1
            number = self._begun
        try:
            found = do()
        except BaseException:
            self._end()
            raise
        with self._over:
            self._found, self._ended = found, number
        self._end()
        return found

    def _end(self) -> None:
        with self._over:
            self._busy = False
            self._over.notify_all()
