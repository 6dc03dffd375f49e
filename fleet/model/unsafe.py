"""Text that is taken as it stands."""

from __future__ import annotations


class Unsafe(str):
    """Text marked ``!unsafe`` in a file: never a template, whatever braces it holds."""

    __slots__ = ()
