"""What is hashed beside a seed: only what has rested since the volume was settled."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest
from volume import ahead as module
from volume import manifest
from volume.ahead import ahead
from volume.manifest import TICK, known, make_manifest
from volume.places import Places
from volume.scan import Key
from volume.words import Stopped

Run = Callable[..., dict[Key, bytes]]


@pytest.fixture(autouse=True)
def _any_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "timely", lambda _: True)
    monkeypatch.setattr(module, "timely", lambda _: True)


@pytest.fixture
def run(places: Places, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Goes on through ``steps``, one each time that there is nothing to do, and is then told to end."""

    def run(settled: int, *steps: Callable[[], object]) -> dict[Key, bytes]:
        left: Iterator[Callable[[], object]] = iter(steps)

        def sleep(_: float) -> None:
            step = next(left, None)
            if step is None:
                raise Stopped
            step()

        with monkeypatch.context() as patched:
            patched.setattr(module.time, "sleep", sleep)
            with pytest.raises(Stopped):
                ahead(places, settled)
        return dict(known(places.known))

    return run


def named(places: Places, *names: bytes) -> None:
    with places.names.open("ab") as file:
        file.write(b"".join(b"./" + name + b"\n" for name in names))


def far() -> int:
    return time.time_ns() + 10 * TICK


def test_the_manifest_does_not_hash_it_again(places: Places, run: Run) -> None:
    (places.data / "one").write_bytes(b"1")
    (places.data / "two").write_bytes(b"2" * 5_000_000)
    (places.data / "not-named").write_bytes(b"3")
    named(places, b"", b"one", b"gone")
    assert len(run(far(), lambda: named(places, b"two"))) == 2
    made = make_manifest(places)
    assert (made["entries"], made["hashed"]) == (4, 1)
    again = make_manifest(places)
    assert again["digest"] == made["digest"]


def test_a_hash_from_before_a_change_is_none(places: Places, run: Run) -> None:
    (places.data / "one").write_bytes(b"1")
    named(places, b"one")
    run(far())
    before = make_manifest(places)
    (places.data / "one").write_bytes(b"2")
    after = make_manifest(places)
    assert (after["hashed"], after["digest"] != before["digest"]) == (1, True)


def test_at_the_source_what_was_just_written_is_left_out(places: Places, run: Run) -> None:
    """A store into a mapped page would not be seen."""
    (places.data / "one").write_bytes(b"1")
    named(places, b"one")
    assert run(time.time_ns()) == {}


def test_at_the_target_it_waits_until_tar_is_through(
    places: Places, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, settled = time.time_ns, []
    monkeypatch.setattr(module, "settle", settled.append)
    (places.data / "one").write_bytes(b"1")
    named(places, b"one")
    late = lambda: monkeypatch.setattr(module.time, "time_ns", lambda: clock() + 10 * TICK)  # noqa: E731
    assert len(run(0, lambda: None, late)) == 1
    assert settled == [places.data] * 4
    assert known(places.known)


def test_a_name_that_is_not_whole_or_not_plain(places: Places, run: Run) -> None:
    (places.data / "one").write_bytes(b"1")
    (places.data / "a\\b").write_bytes(b"2")
    places.names.write_bytes(b"./a\\\\b\n./on")
    with places.names.open("ab") as file:
        assert len(run(far(), lambda: (file.write(b"e\n"), file.flush()))) == 1


def test_where_times_do_not_tell_nothing_is_kept(
    places: Places, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (manifest, module):
        monkeypatch.setattr(each, "timely", lambda _: False)
    (places.data / "one").write_bytes(os.urandom(10))
    named(places, b"one")
    assert run(far()) == {}
