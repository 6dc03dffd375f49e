"""What a set of servers did between two looks at their balancers.

A balancer's times are averages that move slowly: each request moves HAProxy's by one part in ``SAMPLES``
(measured with 2.6), whoever answered. After some hundred requests such an average still tells of the version
that had the server before. So what was there at the first look is taken out of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from fleet.model.balancing import BalancerView, Server, ServerView

SAMPLES = 512
"""Requests until a balancer's average begins to forget the first ones."""


NOTHING = ServerView(up=False)


@dataclass(frozen=True, slots=True)
class Traffic:
    """``answered`` requests, ``errors`` of them by a 5xx, and ``lost`` ones, which got no answer. Times in
    milliseconds, as averages over the answers; ``doubt_ms`` is by how much they may be wrong, since they are
    derived from whole milliseconds."""

    answered: int = 0
    errors: int = 0
    lost: int = 0
    response_ms: float = 0
    queue_ms: float = 0
    doubt_ms: float = 0

    @property
    def requests(self) -> int:
        return self.answered + self.lost

    @property
    def bad(self) -> int:
        return min(self.errors, self.answered) + self.lost

    @property
    def share(self) -> float:
        """Of bad ones among the requests, 0 to 1."""
        return self.bad / self.requests if self.requests else 0


def traffic(
    first: Mapping[str, BalancerView], last: Mapping[str, BalancerView], servers: Collection[Server]
) -> Traffic:
    """Summed over the balancers that both looks know; times weighted by the answers of each."""
    parts = list(_parts(first, last, servers))
    answered = sum(part.answered for part in parts)
    weights = [(part, part.answered / (answered or 1)) for part in parts]
    return Traffic(
        answered,
        sum(part.errors for part in parts),
        sum(part.lost for part in parts),
        sum(part.response_ms * weight for part, weight in weights),
        sum(part.queue_ms * weight for part, weight in weights),
        sum(part.doubt_ms * weight for part, weight in weights),
    )


def _parts(
    first: Mapping[str, BalancerView], last: Mapping[str, BalancerView], servers: Collection[Server]
) -> Iterator[Traffic]:
    for host in sorted(first.keys() & last.keys()):
        before, after = first[host].servers, last[host].servers
        for name in sorted({str(server) for server in servers} & after.keys()):
            # A server that was not there before has been counted from nothing.
            yield _since(before.get(name, NOTHING), after[name])


def _since(before: ServerView, after: ServerView) -> Traffic:
    if any(now < then for then, now in zip(_counters(before), _counters(after), strict=True)):
        # One that went down tells of them all: they are those of another process, which began at nothing.
        before = NOTHING
    answered, errors, *lost = (
        now - then for then, now in zip(_counters(before), _counters(after), strict=True)
    )
    kept = _kept(before.requests, answered)
    return Traffic(
        answered,
        errors,
        sum(lost),
        _without(before.response_ms, after.response_ms, kept),
        _without(before.queue_ms, after.queue_ms, kept),
        kept / (1 - kept),
    )


def _counters(view: ServerView) -> tuple[int, int, int, int]:
    """A request that was lost is not among ``requests``, one answered by a 5xx is."""
    return view.requests, view.errors_5xx, view.response_errors, view.connection_errors


def _kept(before: int, since: int) -> float:
    """The part of an average after ``since`` requests that is from the ``before`` ones; 0 without any new."""
    if not since or not before:
        return 0
    full = min(before + since, SAMPLES)
    plain = before / full if before < SAMPLES else 1.0
    return plain * float((1 - 1 / SAMPLES) ** (before + since - max(full, before)))


def _without(before: float, after: float, kept: float) -> float:
    return max(0.0, (after - before * kept) / (1 - kept))
