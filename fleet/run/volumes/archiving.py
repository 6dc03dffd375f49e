"""Snapshots leave their host as archives, and come back as snapshots: whole, or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fleet.errors import FleetError, RemoteFailed
from fleet.model.archives import Address
from fleet.model.place import Place
from fleet.model.snapshots import Kind, Snapshot, name
from fleet.ops import archives as ops
from fleet.ops import snapshots as scripts
from fleet.ops.effects import Shell
from fleet.report import events as ev
from fleet.run.volumes.attended import COPY_SECONDS
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.part import Part
from fleet.run.volumes.preflight import room
from fleet.transport.base import Feed

CHUNK = 1 << 20
Filled = Callable[[Ground], Mapping[str, Any]]


def once(data: bytes) -> Feed:
    parts = iter([data])
    return lambda: next(parts, b"")


@dataclass(frozen=True, slots=True)
class Store:
    """A repository of restic. ``given``: makes what the helper reads of it, with its secrets."""

    address: Address
    given: Callable[[], bytes]


def to_file(ground: Ground, snapshot: Snapshot, path: Path) -> int:
    """``ground``: with a helper that has the snapshot. Answers the bytes of the file, which is not there
    unless it is whole. Raises FleetError."""
    with Part(path) as part, _helping(ground):
        what = f"pack snapshot {snapshot.id}"
        script = ops.pack(ground.helper, snapshot)
        found = ground.answer(what, script, COPY_SECONDS, _telling(ground), on_bytes=part.write)
        if (found["sha256"], found["bytes"]) != (part.digest, part.count):
            raise RemoteFailed(
                f"{path}: what has arrived is not what was sent",
                why=f"sent: {found['bytes']} bytes, {found['sha256']}\n"
                f"arrived: {part.count} bytes, {part.digest}",
                hint="run again",
                host=ground.host,
            )
        _as_recorded(ground, snapshot, found)
        part.keep()
        return part.count


def to_store(ground: Ground, snapshot: Snapshot, store: Store, may_begin: Callable[[], bool]) -> str:
    """The ID of the backup. ``may_begin``: whether a repository may be made where there is none. Raises
    FleetError."""
    with _helping(ground):

        def asked(what: str, script: Shell) -> Mapping[str, Any]:
            return ground.answer(what, script, COPY_SECONDS, _telling(ground), feed=once(store.given()))

        what = f"back up snapshot {snapshot.id} to {store.address}"
        try:
            found = asked(what, ops.backup(ground.helper, snapshot))
        except FleetError as error:
            if "there is no repository" not in error.what:
                raise
            if not may_begin():
                error.hint = "is that its name? A new one is made when you say so (--yes)"
                raise
            asked(f"make repository {store.address}", ops.init(ground.helper))
            found = asked(what, ops.backup(ground.helper, snapshot))
        _as_recorded(ground, snapshot, found)
        return str(found["id"])


def from_file(path: Path) -> Filled:
    """Raises FleetError when it is called."""

    def filled(ground: Ground) -> Mapping[str, Any]:
        digest = hashlib.sha256()
        free = ground.ask("measure", "usage")["free"]
        there = {"bytes": 0, "entries": 0, "free": free, "free_inodes": None}
        try:
            with path.open("rb") as file:
                # A tar is about as long as what it holds.
                needed = {"bytes": os.fstat(file.fileno()).st_size, "entries": 0}
                room(ground.helper.volume, ground.host, needed, there)

                def feed() -> bytes:
                    data = file.read(CHUNK)
                    digest.update(data)
                    return data

                what = f"unpack {path}"
                script = ops.unpack(ground.helper)
                found = ground.answer(what, script, COPY_SECONDS, _telling(ground), feed=feed)
        except OSError as error:
            raise FleetError(f"{path} cannot be read", why=error.strerror or str(error)) from error
        if found["sha256"] != digest.hexdigest():
            raise RemoteFailed(f"{path}: what has arrived is not what was sent", host=ground.host)
        return found

    return filled


def from_store(store: Store, volume: str) -> Filled:
    def filled(ground: Ground) -> Mapping[str, Any]:
        script = ops.restore(ground.helper, store.address, volume)
        what = f"bring back {store.address}"
        return ground.answer(what, script, COPY_SECONDS, _telling(ground), feed=once(store.given()))

    return filled


def bring(ground: Ground, place: Place, volume: str, role: str, origin: str, filled: Filled) -> Snapshot:
    """A snapshot of ``volume`` that counts, out of an archive. ``ground``: with any helper for the volume's
    sake, not started; the volume itself need not be there. Raises FleetError; no snapshot is left then."""
    ground.remove()
    what = f"begin a snapshot of volume {volume}"
    text = ground.script(scripts.begin(place, volume, role), what)
    try:
        id_, _ = scripts.begun(text)
    except ValueError as error:
        raise RemoteFailed(f"{what}: the host's answer makes no sense", why=text, host=ground.host) from error
    held = name(volume, id_)
    mount = replace(ground.helper.mounts[0], volume=held, read_only=False)
    there = replace(ground, helper=replace(ground.helper, mounts=(mount,)))
    try:
        with _helping(there):
            made = _described(there, filled(there), origin)
            made = replace(made, id=id_, volume=volume, why=f"imported from {origin}")
            ground.script(scripts.record(place, made), f"record snapshot {id_} of volume {volume}")
    except BaseException:
        with suppress(FleetError):
            ground.script(scripts.remove(place, volume, id_), f"remove what was begun of snapshot {id_}")
        raise
    return made


def _described(ground: Ground, found: Mapping[str, Any], origin: str) -> Snapshot:
    """Raises RemoteFailed."""
    try:
        made = ops.described(found["about"])
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteFailed(f"{origin} is no export of a volume", why=str(error), host=ground.host) from error
    _as_recorded(ground, made, found)
    return made


def _as_recorded(ground: Ground, snapshot: Snapshot, found: Mapping[str, Any]) -> None:
    """A dump has the digest of its one file, and not of the manifest. Raises RemoteFailed."""
    if snapshot.kind is Kind.COPY and found["digest"] != snapshot.digest:
        raise RemoteFailed(
            f"snapshot {snapshot.id} of volume {snapshot.volume} is not what it was when it was taken",
            why=f"recorded: {snapshot.digest}\nfound: {found['digest']}",
            hint="do not use it: something has written to it, or the disk has lost bits; take another one",
            host=ground.host,
        )


@contextmanager
def _helping(ground: Ground) -> Iterator[None]:
    """The helper runs meanwhile, and what runs in it ends with the block."""
    try:
        ground.start()
        yield
    finally:
        ground.remove()


def _telling(ground: Ground) -> Callable[[Mapping[str, Any]], None]:
    def told(progress: Mapping[str, Any]) -> None:
        done, total, rate, left = (round(progress.get(key) or 0) for key in ("bytes", "total", "rate", "eta"))
        ground.emit(ev.Progress(ground.host, ground.step, done, total, rate, left))

    return told
