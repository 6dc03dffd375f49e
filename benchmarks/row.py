"""What a run has shown, as text and as one line of JSON."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fleet.rehearsal.traffic.clients import KINDS
from fleet.rehearsal.traffic.orders import Orders
from fleet.rehearsal.traffic.tally import Span, Tally, span

SHOWN = 200
"""Failures that a line of JSON names one by one."""


@dataclass(frozen=True, slots=True)
class Row:
    """``cpu``: this process's share of one core. ``broken``: why the scenario could not go on."""

    scenario: str
    rounds: int
    seconds: float
    cpu: float
    tally: Tally
    orders: Orders | None = None
    broken: str = ""

    @property
    def good(self) -> bool:
        return bool(self.tally.versions) and not (
            self.tally.failures or self.broken or (self.orders and not self.orders.good)
        )

    def json(self) -> dict[str, Any]:
        """All of it, for a table."""
        tally = self.tally
        return {
            "scenario": self.scenario,
            "rounds": self.rounds,
            "seconds": round(self.seconds, 1),
            "requests": tally.requests,
            "failed": len(tally.failures),
            "cpu": round(self.cpu, 3),
            "clients": {
                kind: {
                    "failed": failed,
                    "reopened": reopened,
                    "before": before and dataclasses.asdict(before),
                    "during": during and dataclasses.asdict(during),
                }
                for kind, failed, reopened, before, during in self._kinds()
            },
            "versions": {name: dataclasses.asdict(seen) for name, seen in sorted(tally.versions.items())},
            "orders": self.orders and dataclasses.asdict(self.orders),
            "gaps": [dataclasses.asdict(gap) for gap in tally.gaps],
            "failures": [dataclasses.asdict(failure) for failure in tally.failures[:SHOWN]],
            "broken": self.broken,
        }

    def text(self) -> str:
        tally = self.tally
        failed = len(tally.failures)
        lines = [
            f"{self.scenario}: {tally.requests} requests, {failed} failed "
            f"({failed / max(tally.requests, 1):.3%}); rounds {self.rounds}, {self.seconds:.0f} s, "
            f"{tally.requests / max(self.seconds, 0.1):.0f} requests/s, CPU of the clients {self.cpu:.0%}",
            f"  {'clients':16} {'requests':>8} {'failed':>6} {'reopened':>8}   before: p50 / p99 / max ms"
            "       during: p50 / p99 / max ms",
        ]
        for kind, bad, reopened, before, during in self._kinds():
            count = bad + sum(one.requests for one in (before, during) if one)
            lines.append(
                f"  {kind:16} {count:8} {bad:6} {reopened:8}   {_text(before):32} {_text(during)}".rstrip()
            )
        kinds = Counter((failure.kind, failure.client) for failure in tally.failures)
        for (kind, client), count in kinds.most_common():
            those = [one for one in tally.failures if (one.kind, one.client) == (kind, client)]
            numbers = sorted({one.number for one in those})
            seconds = sorted({int(one.second) for one in those})
            lines.append(f"  {count:6} × {kind} ({client} {_few(numbers)}) in second {_few(seconds)}")
        for gap in tally.gaps:
            lines.append(f"  nobody got an answer for {gap.seconds:.2f} s, until second {gap.second:.0f}")
        for version, seen in sorted(tally.versions.items()):
            lines.append(f"  {version} answered {seen.answers}, from {seen.first:.0f} s to {seen.last:.0f} s")
        if tally.mark is not None:
            lines.append(f"  the scenario began at {tally.mark:.0f} s")
        if self.orders:
            one = self.orders
            lines.append(
                f"  orders: {one.acknowledged} acknowledged, {one.missing} of them missing, "
                f"{one.twice} told twice; {one.extra} there without an answer"
            )
        elif tally.orders:
            lines.append(f"  orders: {len(tally.orders)} acknowledged, not looked up")
        if self.broken:
            lines.append(f"  broken off: {self.broken}")
        return "\n".join(lines)

    def _kinds(self) -> Iterator[tuple[str, int, int, Span | None, Span | None]]:
        tally = self.tally
        failures = Counter(failure.client for failure in tally.failures)
        for kind in [client.kind for client in KINDS]:
            before, during = (span(spans.get(kind, [])) for spans in (tally.before, tally.during))
            if before or during or failures[kind]:
                yield kind, failures[kind], tally.reopened[kind], before, during
        before, during = (
            span([one for kind in spans.values() for one in kind]) for spans in (tally.before, tally.during)
        )
        yield "all", len(tally.failures), tally.reopened.total(), before, during


def _text(seen: Span | None) -> str:
    return f"{seen.p50:.1f} / {seen.p99:.1f} / {seen.most:.1f}" if seen else "-"


def _few(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:8])) + (" …" if len(numbers) > 8 else "")
