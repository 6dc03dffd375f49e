"""What every transport promises of bytes that a script reads or writes."""

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.transport.base import Feed, Transport

SIZE = 40 << 20


def fed(parts: Iterator[bytes]) -> Feed:
    return lambda: next(parts, b"")


def blocks() -> Iterator[bytes]:
    for number in range(SIZE >> 20):
        yield bytes([number]) * (1 << 20)


DIGEST = hashlib.sha256(b"".join(blocks())).hexdigest()


def test_what_is_fed_is_the_scripts_input(host: Transport) -> None:
    result = host.run("sha256sum; echo after", timeout=120, feed=fed(blocks()))
    assert result.ok
    assert result.out.decode() == f"{DIGEST}  -\nafter\n"


@pytest.mark.parametrize("data", [b"", b"\n", b"@fed\n@fleet 1\n", b"exit 9\n", bytes(range(256)) * 100])
def test_it_is_the_scripts_alone_whatever_it_is(host: Transport, data: bytes) -> None:
    """The shell reads nothing of it, also where the script is shorter or longer than what it reads ahead."""
    for script in ("cat", f": {'x' * 9000}\ncat"):
        got: list[bytes] = []
        result = host.run(script, timeout=60, feed=fed(iter([data])), on_bytes=got.append)
        assert (result.rc, b"".join(got)) == (0, data)


def test_output_is_handed_on_byte_by_byte(host: Transport) -> None:
    got = hashlib.sha256()
    lines: list[tuple[str, str]] = []
    result = host.run(
        "cat; printf '\\377\\0end'; echo told >&2",
        timeout=120,
        feed=fed(blocks()),
        on_bytes=got.update,
        on_line=lambda stream, line: lines.append((stream, line)),
    )
    expected = hashlib.sha256(b"".join(blocks()) + b"\xff\0end").hexdigest()
    assert (result.rc, got.hexdigest(), result.out) == (0, expected, b"")
    assert lines == [("err", "told")]


def test_a_script_need_not_read_to_the_end(host: Transport) -> None:
    result = host.run("head -c 5", timeout=60, feed=fed(iter([b"12345", b"x" * (1 << 20)])))
    assert (result.rc, result.out) == (0, b"12345")


def test_what_a_script_leaves_is_never_run(host: Transport, tmp_path: Path) -> None:
    result = host.run(
        "exit_with() { return 3; }; exit_with", timeout=60, feed=fed(iter([b"touch ran; exit 0\n"] * 50))
    )
    assert result.rc == 3
    assert not list(tmp_path.rglob("ran"))
    assert not Path("ran").exists()


def test_what_the_feed_raises_ends_the_command(host: Transport) -> None:
    def broken() -> bytes:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        host.run("cat; sleep 300", timeout=60, feed=broken)


def test_what_the_reader_raises_ends_the_command(host: Transport) -> None:
    def full(_: bytes) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        host.run("echo x; sleep 300", timeout=60, on_bytes=full)


def test_a_cancel_ends_what_is_being_fed(host: Transport) -> None:
    cancel = threading.Event()

    def endless() -> bytes:
        cancel.set()
        return os.urandom(4096)

    result = host.run("cat >/dev/null; sleep 300", timeout=60, feed=endless, cancel=cancel)
    assert result.stopped
    assert result.seconds < 20
