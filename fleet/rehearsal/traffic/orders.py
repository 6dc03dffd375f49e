"""Whether every acknowledged order is there, exactly once: the shop's own database is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleet.rehearsal import Host

ASK = "docker exec $(docker ps -q -f name=database-postgres) psql -U shop -d shop -Atc"


@dataclass(frozen=True, slots=True)
class Orders:
    """``missing``: acknowledged, and not there. ``twice``: acknowledged to two clients. ``extra``: there,
    and nobody was told; a request that failed may have left one, anything more was carried out twice."""

    acknowledged: int
    missing: int
    twice: int
    extra: int

    @property
    def good(self) -> bool:
        """Nothing is lost."""
        return not self.missing and not self.twice


def latest(database: Host) -> int:
    """The greatest id so far; 0 of none."""
    return int(database.run(f'{ASK} "SELECT coalesce(max(id), 0) FROM orders"'))


def stored(database: Host, after: int) -> list[int]:
    """The ids greater than ``after``."""
    return [int(line) for line in database.run(f'{ASK} "SELECT id FROM orders WHERE id > {after}"').split()]


def compare(acknowledged: Iterable[int], there: Iterable[int]) -> Orders:
    told = list(acknowledged)
    found = set(there)
    once = set(told)
    return Orders(len(told), len(once - found), len(told) - len(once), len(found - once))
