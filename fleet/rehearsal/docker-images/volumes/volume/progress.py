"""How far a transfer is, and how fast it may be: sums, without a clock of their own."""

from __future__ import annotations

from collections import deque

EVERY = 0.5
WINDOW = 5.0


class Meter:
    """``total``: bytes that are expected, None where nobody knows."""

    def __init__(self, total: int | None, now: float) -> None:
        self.total = total
        self._said = now
        self._seen: deque[tuple[float, int]] = deque([(now, 0)])

    def at(self, count: int, now: float) -> dict[str, object] | None:
        """What there is to say of ``count`` bytes; None when something has just been said."""
        if now - self._said < EVERY:
            return None
        self._said = now
        self._seen.append((now, count))
        while now - self._seen[0][0] > WINDOW and len(self._seen) > 2:
            self._seen.popleft()
        (since, before) = self._seen[0]
        rate = round((count - before) / (now - since))
        left = None if self.total is None else max(0, self.total - count)
        eta = round(left / rate, 1) if left is not None and rate > 0 else None
        return {"bytes": count, "total": self.total, "rate": rate, "eta": eta}


class Brake:
    """Keeps a stream at ``rate`` bytes a second; what was missed in a standstill is not caught up."""

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._free = now

    def pause(self, count: int, now: float) -> float:
        """Seconds to wait for after ``count`` bytes more."""
        self._free = max(self._free, now - 1) + count / self._rate
        return max(0.0, self._free - now)
