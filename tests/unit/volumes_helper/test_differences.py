from __future__ import annotations

import pytest
from volume.differences import apart, differences
from volume.entry import CHANGING, Entry, record

ONE = Entry(b"pg_wal/0001", "f", 0o600, 26, 26, 5, 1_700_000_000_000_000_001, 0, content="ab" * 32)


def words(source: list[Entry], target: list[Entry]) -> list[str]:
    return [str(item) for item in differences(source, target)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"content": "cd" * 32}, "content differs"),
        ({"content": "cd" * 32, "size": 6}, "size 5, 6 at the target"),
        ({"mode": 0o4755}, "mode 0600, 4755 at the target"),
        ({"uid": 0}, "owner 26:26, 0:26 at the target"),
        (
            {"mtime_ns": 1_700_000_000_000_000_000},
            "mtime 1700000000.000000001, 1700000000.000000000 at the target",
        ),
        ({"rdev": 5}, "device number differs"),
        ({"target": b"\xff"}, "points to , at the target to \\xff"),
        ({"group": b"x"}, "hard links differ"),
        ({"xattrs": "ab" * 32}, "extended attributes or ACLs differ"),
        ({"kind": "p"}, "file here, fifo at the target"),
        ({"mode": 0o644, "xattrs": "1"}, "mode 0600, 0644 at the target, extended attributes or ACLs differ"),
    ],
)
def test_each_difference_in_words(changed: dict[str, object], said: str) -> None:
    assert words([ONE], [ONE._replace(**changed)]) == [f"pg_wal/0001: {said}"]


def test_what_is_on_one_side_only_in_the_order_of_paths() -> None:
    assert words([ONE._replace(path=b"b"), ONE], [ONE._replace(path=b"a\n"), ONE]) == [
        "a\\n: not at the source",
        "b: missing at the target",
    ]


def test_a_file_in_use() -> None:
    told = ["pg_wal/0001: is being written to"]
    used = ONE._replace(content=CHANGING)
    assert words([used], [ONE]) == words([ONE], [used]) == told
    assert words([used], [used]) == told, "its content was never compared"
    assert words([ONE._replace(xattrs=CHANGING)], [ONE._replace(xattrs=CHANGING)]) == told


def test_content_of_the_same_size_and_time_is_hidden_from_rsync() -> None:
    other = ONE._replace(content="cd" * 32)
    pairs = [other, other._replace(mode=0), other._replace(mtime_ns=1), other._replace(size=6), ONE]
    found = [[item.hidden for item in differences([ONE], [one])] for one in pairs]
    assert found == [[True], [True], [False], [False], []]


def test_files_that_are_one_at_the_target_only_are_hidden_from_rsync() -> None:
    linked = [ONE._replace(group=b"a"), ONE._replace(group=b"a", mtime_ns=1)]
    assert [item.hidden for item in differences([ONE, ONE], linked[:1])] == [True]
    assert [item.hidden for item in differences([ONE], linked[1:])] == [False]
    assert [item.hidden for item in differences(linked[:1], [ONE])] == [False], "rsync links it"


def test_what_is_the_same_record_on_both_sides_is_not_read() -> None:
    other = ONE._replace(path=b"other")
    used = ONE._replace(path=b"used", content=CHANGING)
    mine = [record(one) for one in (ONE, other, used)]
    theirs = [record(one) for one in (ONE, other._replace(size=6), used)]
    assert [str(item) for item in apart(mine, theirs)] == [
        "other: size 5, 6 at the target",
        "used: is being written to",
    ]


def test_equal_is_nothing_to_say() -> None:
    assert words([ONE], [ONE]) == []
