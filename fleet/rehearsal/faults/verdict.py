"""Whether Fleet has kept what it promised for a fault."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.rehearsal.faults.fault import SERVICE, Fault
from fleet.rehearsal.faults.story import Seen, Span, Story
from fleet.rehearsal.traffic.connection import TIMEOUT
from fleet.rehearsal.traffic.tally import Failure


def beyond(fault: Fault, injected: Span | None, lost: tuple[Failure, ...]) -> tuple[Failure, ...]:
    """Lost requests that should not have been lost: not on their way when it broke, and not asked before that
    was found out."""
    grace = fault.promise.grace
    if grace is None or injected is None:
        return lost
    first, last = injected.begin - TIMEOUT, injected.end + grace
    return tuple(one for one in lost if not first <= one.asked <= last)


def broken(fault: Fault, story: Story) -> tuple[str, ...]:
    """Each promise that was not kept, in words; empty when all were."""
    return tuple(_broken(fault, story))


def _broken(fault: Fault, story: Story) -> Iterator[str]:
    if story.injected is None:
        yield f"the fault was never there: the deploy ended before its moment, {fault.moment.value}"
    if story.first.code not in fault.promise.exits:
        wanted = " or ".join(map(str, sorted(fault.promise.exits)))
        yield f"the deploy with the fault ended with exit code {story.first.code}, not {wanted}"
    if not story.requests:
        yield "nobody asked for anything: nothing is known of lost requests"
    if much := beyond(fault, story.injected, story.lost):
        times = ", ".join(f"{one.asked:.1f}" for one in much[:3])
        more = " …" if len(much) > 3 else ""
        yield f"{_requests(len(much))} lost that had nothing to do with what broke, asked at {times}{more} s"
    if story.second.code:
        yield f"the deploy after it ended with exit code {story.second.code}: the fleet did not converge"
    for host in story.state.hosts:
        yield from _of_host(host, story)
    if missing := story.state.orders.missing:
        yield f"{missing} orders that were acknowledged are not in the database"
    if twice := story.state.orders.twice:
        yield f"{twice} orders were acknowledged to two customers"


def _of_host(host: Seen, story: Story) -> Iterator[str]:
    if host.behind is not None:
        if dict(host.runs).get(SERVICE) != story.version:
            yield f"{host.host} does not run {SERVICE} at {story.version}"
        if host.behind < story.state.balancers:
            yield f"{host.host} gets requests from {host.behind} of {story.state.balancers} balancers"
    for volume in host.lost:
        yield f"the volume {volume} of {host.host} is not the one that was there before"


def _requests(count: int) -> str:
    return f"{count} request{'s were' if count > 1 else ' was'}"
