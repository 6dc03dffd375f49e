"""What the operations have in common that remove a volume, whatever it holds."""

from __future__ import annotations


class Removal:
    """The line says it all; a large volume takes its time."""

    __slots__ = ()

    @property
    def timeout(self) -> float:
        return 600

    def diff(self) -> tuple[str, ...]:
        return ()
