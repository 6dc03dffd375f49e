"""Times as an operator reads them."""

from __future__ import annotations

from datetime import datetime, timedelta


def ago(at: str, now: datetime) -> str:
    """``at`` in ISO 8601: ``just now``, ``5m ago``, ``2h ago``, ``3d ago``; after a week, or by a clock that
    is ahead of ours, the date in the time zone of ``now``: ``2026-01-31 10:00``."""
    try:
        when = datetime.fromisoformat(at).astimezone(now.tzinfo)
    except ValueError:
        return "-"
    passed = now - when
    if not -timedelta(minutes=1) < passed < timedelta(days=7):
        return f"{when:%Y-%m-%d %H:%M}"
    seconds = passed.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit} ago"
    return "just now"


def took(seconds: float) -> str:
    """``8s``, ``1m 12s``, ``2h 5m``; ``-`` when nothing was measured."""
    if not seconds:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours:
        return f"{hours}h {left}m"
    return f"{minutes}m {rest}s" if minutes else f"{max(1, rest)}s"
