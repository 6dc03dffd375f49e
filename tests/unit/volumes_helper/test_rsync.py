from __future__ import annotations

from pathlib import Path

import pytest
from volume.link import Address
from volume.places import Places
from volume.rsync import (
    Sum,
    failure,
    leaving_out,
    local_words,
    normal_in_use,
    pattern,
    progress,
    rsync_words,
    sums,
)

TO = Address("10.0.0.2", 2222)
PARTLY = "rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c"
STATS = """
Number of files: 43 (reg: 40, dir: 2, special: 1)
Number of created files: 5 (reg: 3, dir: 1, special: 1)
Number of deleted files: 7
Number of regular files transferred: 11
Total file size: 8000000 bytes
Total transferred file size: 2200000 bytes
Literal data: 1000 bytes
Matched data: 2199000 bytes
File list size: 0
Total bytes sent: 12345
Total bytes received: 678
"""


def test_nanoseconds_are_compared_and_half_files_are_apart() -> None:
    words = rsync_words(Places(Path("/data"), Path("/state")), "/state/ssh-1", "target", 0)
    assert {"-aHAXS", "--numeric-ids", "--delete-delay", "--modify-window=-1"} <= set(words)
    assert {"--partial-dir=/data/.fleet-partial", "--exclude=/.fleet-partial"} <= set(words)
    assert words[-2:] == ["/data/", "target:/data/"]
    assert not [word for word in words if "bwlimit" in word or word in ("-z", "--compress")]


@pytest.mark.parametrize(("rate", "limit"), [(1, "1K"), (1024, "1K"), (1025, "2K"), (10 << 20, "10240K")])
def test_the_rate_is_rounded_up_to_what_rsync_knows(rate: int, limit: str) -> None:
    assert f"--bwlimit={limit}" in rsync_words(Places(), "/state/ssh-1", "target", rate)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [(b"a/b", b"/a/b"), (b"a\\b", b"/a\\b"), (b"a*[\\?", b"/a\\*\\[\\\\\\?"), (b"- a\n", b"/- a\n")],
)
def test_what_is_left_out_is_one_path(path: bytes, wanted: bytes) -> None:
    assert pattern(path) == wanted


def test_nothing_left_out_needs_no_words(places: Places) -> None:
    assert leaving_out(places, ()) == []
    assert leaving_out(places, (b"a", b"b\nc"))[1] == f"--exclude-from={places.left_out}"
    assert places.left_out.read_bytes() == b"/a\0/b\nc\0"


def test_what_was_done() -> None:
    assert sums(STATS) == Sum(sent=12345, changed=11 + 7 + 2)
    assert sums("Number of created files: 0\nTotal bytes sent: 9\n") == Sum(9, 0)
    assert sums("Number of created files: 2 (dir: 2)\n") == Sum(0, 2)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("     32,768   0%    0.00kB/s    0:00:00", None),
        ("      32768   0%    0.00kB/s    0:00:00", 32768),
        ("   25165824 100%   10.00MB/s    0:00:02 (xfr#1, to-chk=0/2)", 25165824),
        ("   25165824  99%   10.00MB/s    0:00:02  ", 25165824),
        ("Number of files: 43 (reg: 40)", None),
        ("", None),
    ],
)
def test_progress(line: str, count: int | None) -> None:
    assert progress(line) == count


@pytest.mark.parametrize(
    ("status", "said", "normal"),
    [
        (0, "", True),
        (24, 'file has vanished: "/data/x"', True),
        (23, 'WARNING: x failed verification -- update discarded (will try again).\n' + PARTLY, True),
        (23, 'rsync: [sender] read errors mapping "/data/x": No data available (61)', True),
        (23, "", False),
        (23, 'rsync: [receiver] chown "/data/x" failed: Operation not permitted (1)\n' + PARTLY, False),
        (11, "", False),
        (255, "", False),
    ],
)  # fmt: skip
def test_what_is_normal_while_files_are_in_use(status: int, said: str, normal: bool) -> None:
    assert normal_in_use(status, said) is normal


@pytest.mark.parametrize(
    ("status", "said", "what"),
    [
        (24, "file has vanished", "files vanished: something still writes to the volume"),
        (23, "x", "some files could not be copied"),
        (11, "write failed: No space left on device (28)", "the target has no space left"),
        (12, "connection unexpectedly closed", "the connection to 10.0.0.2:2222 was cut"),
        (255, "Host key verification failed.", "10.0.0.2:2222 is not who it should be"),
        (255, "Timeout, server 10.0.0.2 not responding.", "10.0.0.2:2222 has stopped answering"),
        (11, "", "rsync could not write or read a file"),
        (99, "", "rsync ended with status 99"),
        (12, '{"error": {"what": "stopped", "why": "x"}}\nrsync error: code 12\n', "stopped"),
        (-9, '{"error": {"what": "rsync failed at the target", "why": "x"}}', "rsync ended with status -9"),
    ],
)
def test_what_a_failure_means(status: int, said: str, what: str) -> None:
    assert failure(TO, status, said).what == what


def test_a_pass_to_the_second_volume_is_as_one_to_a_target() -> None:
    there, beside = rsync_words(Places(), "/state/ssh-1", "target", 0), local_words(Places(), 0)
    assert beside[-2:] == ["/data/", "/copy/"]
    assert "--partial-dir=/copy/.fleet-partial" in beside
    assert set(beside) - set(there) == {"--partial-dir=/copy/.fleet-partial", "/copy/"}


@pytest.mark.parametrize(
    ("status", "said", "what"),
    [
        (11, "rsync: write failed: No space left on device (28)", "the copy has no space left"),
        (12, "", "rsync ended with status 12"),
        (24, "vanished", "files vanished: something still writes to the volume"),
    ],
)
def test_what_it_means_that_a_pass_to_the_second_volume_has_failed(status: int, said: str, what: str) -> None:
    assert failure(None, status, said).what == what
