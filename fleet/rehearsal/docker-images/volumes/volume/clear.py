"""A copy that is thrown away."""

from __future__ import annotations

from .alone import alone
from .children import run
from .places import Places


def clear(places: Places) -> dict[str, object]:
    """Whatever is being received is ended first."""
    with alone(places.state / "receive.lock"):
        # find and not shutil: a tree may be deeper than Python's stack.
        words = ["find", str(places.data), "-xdev", "-mindepth", "1", "-delete"]
        run(words, "the volume could not be emptied")
    return {}
