from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from volume.entry import Entry, decoded, encoded, record
from volume.words import Failure

NAMES = st.binary(max_size=20).map(lambda name: name.replace(b"\0", b""))
NUMBERS = st.integers(min_value=0, max_value=2**63)
HASHES = st.sampled_from(["", "changing", "ab" * 32])
ENTRIES = st.builds(
    Entry,
    path=NAMES,
    kind=st.sampled_from("fdlpsbc"),
    mode=st.integers(0, 0o7777),
    uid=NUMBERS,
    gid=NUMBERS,
    size=NUMBERS,
    mtime_ns=st.integers(-(2**62), 2**63),
    rdev=NUMBERS,
    target=NAMES,
    group=NAMES,
    xattrs=HASHES,
    content=HASHES,
)


@given(st.lists(ENTRIES, max_size=5))
def test_a_manifest_is_read_as_it_was_written(entries: list[Entry]) -> None:
    assert list(decoded(encoded(map(record, entries)))) == entries


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_a_manifest_that_is_cut_short_is_not_taken_for_a_whole_one(cut: int) -> None:
    whole = encoded([record(Entry(b"name", "f", 0o644, 0, 0, 1, 2, 0, b"", b"", "", "ab" * 32))])
    with pytest.raises(Failure, match="cut short"):
        list(decoded(whole[:-cut]))
