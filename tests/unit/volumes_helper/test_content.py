from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from volume.content import ALONE_FILES, CHUNK, TASK_BYTES, hash_all
from volume.words import Failure


def by_hand(data: bytes) -> str:
    chunks = [hashlib.sha256(data[at : at + CHUNK]) for at in range(0, max(len(data), 1), CHUNK)]
    if len(chunks) == 1:
        return chunks[0].hexdigest()
    return hashlib.sha256(b"".join(chunk.digest() for chunk in chunks)).hexdigest()


def contents(files: list[Path], workers: int = 1) -> list[str | None]:
    found = hash_all([(os.fsencode(file), file.stat().st_size) for file in files], workers)
    return [item and item[0] for item in found]


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_the_hash_is_of_chunks(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    assert contents([tmp_path / "file"]) == [by_hand(data)]


@pytest.mark.parametrize("at", [0, CHUNK + 5, 3 * CHUNK - 1])
def test_holes_are_zeros_and_are_not_read(tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(3 * CHUNK)
        file.seek(at)
        file.write(b"x")
    read = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda *a: (read.append(a[1]), pread(*a))[1])
    assert contents([path]) == [by_hand(path.read_bytes())]
    assert sum(read) <= 2 * CHUNK


def test_where_holes_are_not_known_of_everything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sparse").write_bytes(b"")
    os.truncate(tmp_path / "sparse", 2 * CHUNK)

    def refuse(*_: object) -> int:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "lseek", refuse)
    assert contents([tmp_path / "sparse"]) == [by_hand(bytes(2 * CHUNK))]


def test_many_files_and_one_of_many_tasks_by_several_workers(tmp_path: Path) -> None:
    files = []
    for number in range(ALONE_FILES + 200):
        files.append(tmp_path / str(number))
        files[-1].write_bytes(b"%d" % number * number)
    files.append(tmp_path / "large")
    files[-1].write_bytes(b"0123456789abcdef" * ((TASK_BYTES + CHUNK) // 16) + b"end")
    assert contents(files, workers=3) == [by_hand(file.read_bytes()) for file in files]


def test_a_failure_in_a_worker_is_told(tmp_path: Path) -> None:
    files = []
    for number in range(ALONE_FILES + 2):
        files.append((os.fsencode(tmp_path / str(number)), 1))
        (tmp_path / str(number)).write_bytes(b"1")
    files[-1] = (b"/proc/self/mem", 1)
    with pytest.raises(Failure, match="cannot be read"):
        hash_all(files, 2)


def test_what_is_gone_has_no_hash(tmp_path: Path) -> None:
    assert hash_all([(os.fsencode(tmp_path / "gone"), 3)], 1) == [None]
