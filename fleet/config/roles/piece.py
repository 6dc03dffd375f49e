"""A value put together from several places, each part with the place where it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.config.yaml import Document, Path
from fleet.errors import Position

Origin = tuple[Document, Path]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """``origins``: path in the value → where that is written; what stands below is written below it."""

    value: Any = field(repr=False)
    origins: Mapping[Path, Origin] = field(repr=False)

    @property
    def file(self) -> str:
        """The file of the whole."""
        return self.origins[()][0].file

    @classmethod
    def of(cls, document: Document) -> Piece:
        return cls(document.value, {(): (document, ())})

    @classmethod
    def joined(cls, parts: Mapping[str | int, Piece], value: Any, whole: Origin) -> Piece:
        """``value``, a mapping or list of ``parts``; it stands as a ``whole`` where its last part does."""
        origins = {
            (key, *path): origin for key, part in parts.items() for path, origin in part.origins.items()
        }
        return cls(value, {(): whole, **origins})

    def below(self, key: str | int) -> Piece:
        inner = {path[1:]: origin for path, origin in self.origins.items() if path[:1] == (key,)}
        return Piece(self.value[key], {(): self.origin((key,)), **inner})

    def entries(self) -> dict[str | int, Piece]:
        """Those of a mapping or a list; none of anything else."""
        keys = self.value if isinstance(self.value, dict) else range(len(self.value))
        return {key: self.below(key) for key in keys}

    def origin(self, path: Path) -> Origin:
        known = next(path[:length] for length in range(len(path), -1, -1) if path[:length] in self.origins)
        document, place = self.origins[known]
        return document, (*place, *path[len(known) :])

    def at(self, path: Path) -> Position:
        """As :meth:`Document.at`."""
        document, place = self.origin(path)
        return document.at(place)

    def key_at(self, path: Path) -> Position:
        """As :meth:`Document.key_at`."""
        document, place = self.origin(path)
        return document.key_at(place)
