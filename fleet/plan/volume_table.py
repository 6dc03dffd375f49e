"""What becomes of a named volume on a host that wants it: a table over how it was found and what is known of
its data."""

from __future__ import annotations

import enum


class Found(enum.Enum):
    """What lies on the host that wants the volume."""

    ABSENT = "absent"
    USED = "used"
    """Not marked, and a service of ours runs on it."""
    IDLE = "idle"
    """Not marked, and ours by its labels or by a container of ours."""
    FOREIGN = "foreign"
    LIVE = "live"
    STALE = "stale"
    """The same data has lived elsewhere since."""
    OTHER = "other"
    """Data of another origin than what is expected here."""
    INCOMING = "incoming"
    FENCED = "fenced"


class Known(enum.Enum):
    """Where the data is that the host's services expect."""

    NOWHERE = "nowhere"
    HERE = "here"
    """By the ledger."""
    LEAVES = "leaves"
    """On one host that has no use for it any more."""
    UNPROVEN = "unproven"
    """On one host that has no use for it any more, and got it from here; nothing was healthy on it there."""
    WRITTEN = "written"
    """As UNPROVEN, and a service has run on it there, in an earlier run."""
    SEVERAL = "several"
    SILENT = "silent"
    """On a host that cannot be asked, or is on none any more."""


class Change(enum.Enum):
    CREATE = "create"
    ADOPT = "adopt"
    KEEP = "keep"
    MOVE = "move"
    RESUME = "resume"
    MOVE_BACK = "move back"
    TAKE_BACK = "take back"
    REFUSE = "refuse"


MOVES = frozenset({Change.MOVE, Change.RESUME, Change.MOVE_BACK})

Cell = tuple[Change, str]

EMPTY = "--allow-empty {name} begins anew"
FROM = "--volume-from {name}=HOST says where from"
ADOPT = "--adopt {name} takes what is here"


def _refuse(what: str, *ways: str) -> Cell:
    return Change.REFUSE, "\n".join([what, *ways])


def _always(cell: Cell) -> dict[Known, Cell]:
    return dict.fromkeys(Known, cell)


_IN_DOUBT = _refuse(
    "volume {name} is here without a mark, and {elsewhere}",
    ADOPT,
    f"docker volume rm {{volume}}, if it may go, and {FROM}",
)
_PART = "an incomplete copy of volume {name} is here"
_LEFT = "volume {name} went from here to {peer}, and nothing may start on what was left"

TABLE: dict[Found, dict[Known, Cell]] = {
    Found.ABSENT: {
        Known.NOWHERE: (Change.CREATE, "no data is expected"),
        # Somebody removed it: a service that finds nothing would begin anew, and look healthy.
        Known.HERE: _refuse(
            "volume {name} is not here, and its data was",
            "inv volumes restore {name} --snapshot ID, if there is one",
            "restore it otherwise, then --adopt {name}", FROM, EMPTY,
        ),
        Known.LEAVES: (Change.MOVE, "its data goes where it is wanted"),
        # What was here is gone, so that there is nothing to take back.
        Known.UNPROVEN: (Change.MOVE, "its data goes where it is wanted"),
        Known.WRITTEN: (Change.MOVE, "its data goes where it is wanted"),
        Known.SEVERAL: _refuse("volume {name} is not here, and {elsewhere}", FROM, EMPTY),
        Known.SILENT: _refuse("volume {name} is not here, and {elsewhere}", FROM, EMPTY),
    },
    # From before there were marks. It serves: whatever else is known, this is what is in use.
    Found.USED: _always((Change.ADOPT, "a service runs on it")),
    Found.IDLE: {
        Known.NOWHERE: (Change.ADOPT, "it is ours"),
        Known.HERE: (Change.ADOPT, "it is ours, and expected here"),
        # Left from an earlier time, or what counts: nobody can tell.
        Known.LEAVES: _IN_DOUBT,
        Known.UNPROVEN: _IN_DOUBT,
        Known.WRITTEN: _IN_DOUBT,
        Known.SEVERAL: _IN_DOUBT,
        Known.SILENT: _IN_DOUBT,
    },
    Found.FOREIGN: _always(_refuse(
        "volume {name} is here, and Fleet did not make it",
        "--adopt {name} takes it, with what is in it", "docker volume rm {volume}, if it may go",
    )),
    Found.LIVE: _always((Change.KEEP, "its data is here")),
    Found.STALE: {
        Known.NOWHERE: _refuse("volume {name} is older here than what is known of it", ADOPT),
        Known.HERE: _refuse("volume {name} is older here than what is known of it", ADOPT, FROM),
        # It is overwritten by what it has become.
        Known.LEAVES: (Change.MOVE, "its data goes where it is wanted"),
        Known.UNPROVEN: (Change.MOVE, "its data goes where it is wanted"),
        Known.WRITTEN: (Change.MOVE, "its data goes where it is wanted"),
        Known.SEVERAL: _refuse("volume {name} is older here than elsewhere, and {elsewhere}", FROM, ADOPT),
        Known.SILENT: _refuse("volume {name} is older here than elsewhere, and {elsewhere}", FROM, ADOPT),
    },
    Found.OTHER: _always(_refuse(
        "volume {name} holds other data here than what is expected",
        ADOPT, "docker volume rm {volume}, and the data is moved here",
    )),
    Found.INCOMING: {
        # Its source stays where it is.
        Known.NOWHERE: _refuse(
            f"{_PART}, and its data stays on {{peer}}",
            "docker volume rm {volume}, and one that is empty is made",
        ),
        Known.HERE: _refuse(_PART, FROM, "docker volume rm {volume}, and then --allow-empty {name}"),
        Known.LEAVES: (Change.RESUME, "its move was cut off"),
        Known.UNPROVEN: (Change.RESUME, "its move was cut off"),
        Known.WRITTEN: (Change.RESUME, "its move was cut off"),
        Known.SEVERAL: _refuse(f"{_PART}, and {{elsewhere}}", FROM),
        Known.SILENT: _refuse(f"{_PART}, and {{elsewhere}}", FROM),
    },
    Found.FENCED: {
        Known.NOWHERE: _refuse(_LEFT, ADOPT),
        Known.HERE: _refuse(_LEFT, ADOPT),
        # Something was healthy on it there: what it has written since is not lost.
        Known.LEAVES: (Change.MOVE_BACK, "its data comes back"),
        # Nothing was: what was left is what the last healthy service has written.
        Known.UNPROVEN: (Change.TAKE_BACK, "nothing was healthy on its copy"),
        # Its run was cut off before the service was found healthy, which may have served ever since.
        Known.WRITTEN: _refuse(
            "volume {name} went from here to {peer}, and what runs on it there was never found healthy",
            "--volume-from {name}={peer} brings back what was written there",
            "--adopt {name} does without that",
        ),
        Known.SEVERAL: _refuse(f"{_LEFT}, and {{elsewhere}}", FROM, ADOPT),
        Known.SILENT: _refuse(f"{_LEFT}, and {{elsewhere}}", FROM, ADOPT),
    },
}  # fmt: skip
