"""What is done when a step on a volume fails, and what the error says of the volume then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fleet.errors import FleetError, RemoteFailed
from fleet.report import events as ev


class Unknown(RemoteFailed):
    """Nobody knows how it stands, so nothing can be put right."""


@contextmanager
def failing(emit: ev.Emit, stands: Callable[[], str | None]) -> Iterator[None]:
    """When the block fails, ``stands`` puts right what it can. The first thing that the error tells to do is
    what that answers: how it stands. An error that is not ours is told beside it."""
    try:
        yield
    except Unknown:
        raise
    except Exception as error:
        how = stands()
        if isinstance(error, FleetError):
            error.hint = "; ".join(filter(None, [how, error.hint]))
        elif how:
            emit(ev.Note(how, "warning"))
        raise
