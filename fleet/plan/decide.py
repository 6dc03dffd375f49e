"""What to do with one service on one host: a table over wanted and found."""

from __future__ import annotations

import enum

from fleet.model.found import Container


class Found(enum.Enum):
    """How a wanted service was found."""

    ABSENT = "absent"
    SAME = "same"
    STARTING = "starting"
    UNPROVEN = "unproven"
    UNHEALTHY = "unhealthy"
    STOPPED = "stopped"
    ALTERED = "altered"
    DIFFERENT = "different"


class Change(enum.Enum):
    KEEP = "keep"
    WATCH = "watch"
    CREATE = "create"
    REPLACE = "replace"


TABLE: dict[Found, tuple[Change, str]] = {
    Found.ABSENT: (Change.CREATE, "not on the host"),
    Found.SAME: (Change.KEEP, "as wanted"),
    # Somebody else has just started it, or it restarted: its gate tells whether that went well.
    Found.STARTING: (Change.WATCH, "as wanted, still starting"),
    # Its gate failed, or the run was cut off before: that it runs proves nothing.
    Found.UNPROVEN: (Change.WATCH, "as wanted, its gate was not passed yet"),
    # Replacing with the same is what an operator would do by hand; leaving it would report success.
    Found.UNHEALTHY: (Change.REPLACE, "unhealthy"),
    # Also when stopped by hand: a deploy brings the host to what the role says.
    Found.STOPPED: (Change.REPLACE, "not running"),
    Found.ALTERED: (Change.REPLACE, "changed by hand"),
    Found.DIFFERENT: (Change.REPLACE, "not as wanted"),
}


def found(container: Container | None, digest: str, *, proven: bool) -> Found:
    """The first state that applies; the order is that of what must be told first. ``proven``: it has
    passed its gate."""
    if container is None:
        return Found.ABSENT
    if container.spec_digest != digest:
        return Found.DIFFERENT
    if not container.running:
        return Found.STOPPED
    if container.altered:
        return Found.ALTERED
    if container.health == "unhealthy":
        return Found.UNHEALTHY
    if container.health == "starting":
        return Found.STARTING
    return Found.SAME if proven else Found.UNPROVEN
