"""What rsync is told to look at, of two listings."""

from __future__ import annotations

import pytest
from volume.entry import Entry, encoded, records
from volume.pick import Picked, pick

CONTENT = "ab" * 32
OTHER = "cd" * 32


def file(path: str, **changes: object) -> Entry:
    made = Entry(path.encode(), "f", 0o644, 0, 0, 5, 1_700_000_000_000_000_001, 0, content=CONTENT)
    return made._replace(**changes)


def directory(path: str, **changes: object) -> Entry:
    return file(path, kind="d", size=0, content="", **changes)


def picked(source: list[Entry], target: list[Entry]) -> Picked:
    return pick(records(encoded(source)), records(encoded(target)))


def paths(source: list[Entry], target: list[Entry]) -> list[str]:
    return [path.decode() for path in picked(source, target).paths]


def test_what_is_equal_is_left_alone() -> None:
    assert picked([file("a"), directory("b")], [directory("b"), file("a")]) == Picked((), ())


@pytest.mark.parametrize(
    "changes",
    [{"mode": 0}, {"uid": 1}, {"size": 6}, {"mtime_ns": 1}, {"xattrs": "1"}, {"kind": "p"}, {"group": b"a"}],
)
def test_what_differs_in_anything(changes: dict[str, object]) -> None:
    assert paths([file("a"), file("b")], [file("a", **changes), file("b")]) == ["a"]


def test_content_counts_where_both_sides_know_it() -> None:
    for one, other in ((CONTENT, ""), ("", CONTENT), ("", "")):
        assert picked([file("a", content=one)], [file("a", content=other)]) == Picked((), ())
    assert picked([file("a")], [file("a", content=OTHER)]) == Picked((b"a",), (b"a",))
    assert picked([file("a")], [file("a", content=OTHER, size=6)]) == Picked((b"a",), ())


def test_what_is_new_with_all_that_is_in_it() -> None:
    new = [directory("d"), file("d/one"), file("d/two")]
    assert paths([directory("."), *new], [directory(".")]) == ["d", "d/one", "d/two"]


def test_of_what_is_gone_only_the_topmost() -> None:
    """rsync knows nothing of a directory that is not there, and removes it with what is in it."""
    gone = [directory("d"), file("d/one"), directory("d/e"), file("d/e/two"), file("d-"), file("kept/gone")]
    assert paths([directory("kept")], [directory("kept"), *gone]) == ["d", "d-", "kept/gone"]


def test_what_was_in_a_directory_that_is_none_any_more() -> None:
    there = [directory("d"), file("d/one"), directory("d/e"), file("d/e/two")]
    assert paths([file("d")], there) == ["d"]
    assert paths([directory("d"), file("d/one")], [file("d")]) == ["d", "d/one"]


def test_all_links_of_one_file_go_together() -> None:
    links = [file(name, group=b"a") for name in ("a", "b", "c")]
    assert paths([*links, file("d")], [*links[:2], file("d")]) == ["a", "b", "c"]


def test_links_that_only_the_target_has_left_are_doubted() -> None:
    linked = [file(name, group=b"a") for name in ("a", "b", "c")]
    apart = [file("a", group=b"a"), file("b"), file("c", group=b"a")]
    assert picked(apart, linked) == Picked((b"a", b"b", b"c"), (b"a", b"b", b"c"))
    without_the_first = [file(name, group=b"b") for name in ("b", "c")]
    assert picked(without_the_first, linked) == Picked((b"a", b"b", b"c"), ())


def test_half_a_file_is_no_difference() -> None:
    half = [directory(".fleet-partial"), file(".fleet-partial/half")]
    assert picked([file("a")], [file("a"), *half]) == Picked((), ())
    assert picked([file("a"), *half], [file("a")]) == Picked((), ())


def test_in_rsyncs_words() -> None:
    assert Picked((b".", b"a\n", b"d/\xff"), ()).words == b"./a\n\0./d/\xff"
    assert Picked((b".",), ()).words == b"."
