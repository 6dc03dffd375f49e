"""What a set of servers did between two looks at their balancers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from fleet.model.balancing import BalancerView, Server, ServerView


@dataclass(frozen=True, slots=True)
class Traffic:
    """``bad`` of ``requests`` were answered by a 5xx or not at all. Times in milliseconds, as averages."""

    requests: int = 0
    bad: int = 0
    response_ms: float = 0
    queue_ms: float = 0

    @property
    def share(self) -> float:
        """Of bad answers, 0 to 1."""
        return self.bad / self.requests if self.requests else 0


def traffic(
    first: Mapping[str, BalancerView], last: Mapping[str, BalancerView], servers: Collection[Server]
) -> Traffic:
    """Summed over the balancers that both looks know; times weighted by the requests of each."""
    parts = list(_parts(first, last, servers))
    served = sum(part.requests for part in parts) or 1
    return Traffic(
        sum(part.requests for part in parts),
        sum(part.bad for part in parts),
        sum(part.response_ms * part.requests for part in parts) / served,
        sum(part.queue_ms * part.requests for part in parts) / served,
    )


def _parts(
    first: Mapping[str, BalancerView], last: Mapping[str, BalancerView], servers: Collection[Server]
) -> Iterator[Traffic]:
    for host in sorted(first.keys() & last.keys()):
        before, after = first[host].servers, last[host].servers
        for name in sorted({str(server) for server in servers} & after.keys()):
            # A server that was not there before has been counted from nothing.
            yield _since(before.get(name, ServerView(up=False)), after[name])


def _since(before: ServerView, after: ServerView) -> Traffic:
    counters = list(zip(_counters(before), _counters(after), strict=True))
    # One that went down tells of them all: they are those of another process, which began at nothing.
    anew = any(now < then for then, now in counters)
    requests, *bad = (now if anew else now - then for then, now in counters)
    # A request without a connection may be counted as an error alone.
    return Traffic(max(requests, sum(bad)), sum(bad), after.response_ms, after.queue_ms)


def _counters(view: ServerView) -> tuple[int, int, int, int]:
    return view.requests, view.errors_5xx, view.response_errors, view.connection_errors
