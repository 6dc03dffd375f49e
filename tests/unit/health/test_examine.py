"""What is too little room, and whose clock is wrong."""

from __future__ import annotations

import pytest

from fleet.health.examine import clocks, names, rooms, skew
from fleet.model.examined import Diagnosis, Examined, Room, Verdict
from fleet.model.found import Unknown

GB = 10**9


def verdicts(room: Room) -> dict[str, Verdict]:
    return {one.check: one.verdict for one in rooms("h", Examined(0, (room,)), "/var/lib/docker")}


@pytest.mark.parametrize(
    ("path", "free", "inodes", "disk", "files"),
    [
        ("/var/lib/docker", 50 * GB, 10**6, Verdict.OK, Verdict.OK),
        ("/var/lib/docker", 5 * GB, 100_000, Verdict.OK, Verdict.OK),
        ("/var/lib/docker", 5 * GB - 1, 99_999, Verdict.WARNING, Verdict.WARNING),
        ("/var/lib/docker", 1 * GB - 1, 9_999, Verdict.ERROR, Verdict.ERROR),
        ("/run/fleet", 1 * GB - 1, 9_999, Verdict.OK, Verdict.OK),
        ("/run/fleet", 99_999_999, 999, Verdict.WARNING, Verdict.WARNING),
        ("/run/fleet", 9_999_999, 99, Verdict.ERROR, Verdict.ERROR),
    ],
)
def test_room(path: str, free: int, inodes: int, disk: Verdict, files: Verdict) -> None:
    room = Room(path, "/", free, 100 * GB, inodes, 10**7)
    assert verdicts(room) == {"disk": disk, "inodes": files}


def test_room_in_words() -> None:
    room = Room("/srv/app", "/srv", 5_000_000, 100 * GB, 7, 10**7)
    assert list(rooms("h", Examined(0, (room,)), "/var/lib/docker")) == [
        Diagnosis("disk", "h", Verdict.ERROR, "0.0 GB of 100.0 GB free in /srv/app", "see du -xh -d 2 /srv"),
        Diagnosis("inodes", "h", Verdict.ERROR, "7 of 10000000 inodes free in /srv/app",
                  "remove small files: du --inodes -xd 2 /srv shows where they are"),
    ]  # fmt: skip


def test_inodes_that_are_not_counted_are_no_complaint() -> None:
    assert verdicts(Room("/srv", "/srv", 50 * GB, 100 * GB)) == {"disk": Verdict.OK}


def test_room_that_is_not_known_is_told() -> None:
    (one,) = rooms("h", Examined(0, Unknown("the room for /srv: denied")), "")
    assert (one.check, one.verdict) == ("disk", Verdict.WARNING)
    assert one.text == "not known: the room for /srv: denied"


@pytest.mark.parametrize(
    ("clock", "sent", "received", "seconds"),
    [
        (100, 100.2, 100.4, 0),
        (100, 100.9, 101.5, 0),
        (130, 100.2, 100.5, 29.5),
        (70, 100.2, 100.5, -29.2),
        (105, 100.0, 108.0, 0),
    ],
)
def test_a_clock_is_off_by_what_the_way_to_it_cannot_explain(
    clock: int, sent: float, received: float, seconds: float
) -> None:
    assert skew(clock, sent, received) == pytest.approx(seconds)


def told(**skews: float) -> dict[str, tuple[Verdict, str]]:
    return {one.host: (one.verdict, one.text) for one in clocks(skews)}


def test_clocks_that_are_right() -> None:
    assert told(a=0.0, b=1.5, c=-1.9) == dict.fromkeys("abc", (Verdict.OK, "right"))


def test_clocks_that_are_wrong() -> None:
    assert told(a=0.0, b=3.0, c=-61.0) == {
        "a": (Verdict.OK, "right"),
        "b": (Verdict.WARNING, "3 s ahead of this machine"),
        "c": (Verdict.ERROR, "61 s behind this machine"),
    }


def test_when_most_hosts_agree_it_is_this_machine() -> None:
    assert told(a=100.0, b=100.0, c=101.0, d=0.0) == {
        "": (Verdict.ERROR, "100 s behind most hosts"),
        "a": (Verdict.OK, "right"),
        "b": (Verdict.OK, "right"),
        "c": (Verdict.OK, "right"),
        "d": (Verdict.ERROR, "100 s behind most hosts"),
    }


def test_two_hosts_are_no_majority() -> None:
    assert told(a=100.0, b=100.0) == dict.fromkeys("ab", (Verdict.ERROR, "100 s ahead of this machine"))


def test_names() -> None:
    found = Examined(0, (), {"b.example": "it is not known"})
    assert [(one.verdict, one.text) for one in names("h", ("a.example", "b.example"), found)] == [
        (Verdict.OK, "a.example is known"),
        (Verdict.WARNING, "b.example: it is not known"),
    ]
