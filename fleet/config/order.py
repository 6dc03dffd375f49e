"""What comes before what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Cycle(Exception):
    """``names`` go round: the last is the first again."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(" → ".join(names))
        self.names = tuple(names)


def ordered(needs: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Every name after those that it needs, else in the given order. Names that are no keys are left out.

    Raises Cycle.
    """
    done: dict[str, None] = {}
    for name in needs:
        _visit(name, needs, done, [])
    return tuple(done)


def _visit(name: str, needs: Mapping[str, Sequence[str]], done: dict[str, None], way: list[str]) -> None:
    if name in done or name not in needs:
        return
    if name in way:
        raise Cycle([*way[way.index(name) :], name])
    for needed in needs[name]:
        _visit(needed, needs, done, [*way, name])
    done[name] = None
