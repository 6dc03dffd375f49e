"""Snapshots: complete copies of a volume on the same host, or what a program has dumped of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from fleet.model.place import Place
from fleet.model.volumes import Mark, Writer

INFIX = ".snapshot-"
BEFORE_UPGRADE = "before the upgrade"
"""What :attr:`Snapshot.why` begins with then."""


class Kind(enum.StrEnum):
    """``COPY``: entry by entry what the volume was. ``DUMP``: one file, which a command of the role reads."""

    COPY = "copy"
    DUMP = "dump"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One that counts: its record is written when it was found equal, or the dump has ended well.

    ``id`` begins with its time, so that the newest sorts last. ``volume``: the full name of the one that it
    is of; ``lineage`` and ``generation`` of the data in it. ``version``: the release that ran. ``at``:
    seconds since 1970 by the host's clock. ``digest``: of the manifest, or of the dump. ``why``: what it was
    taken for: ``before v42``. ``upgrades``: as in :class:`Mark`, of the data in it. ``owner``: whose the data
    was before it got another one; empty: it was not taken for that.
    """

    id: str
    volume: str
    lineage: str
    generation: int
    version: str = ""
    at: int = 0
    entries: int = 0
    bytes: int = 0
    digest: str = ""
    kind: Kind = Kind.COPY
    why: str = ""
    upgrades: tuple[str, ...] = ()
    owner: str = ""

    @property
    def of_upgrade(self) -> bool:
        """It is what the data was before an upgrade, or before it got another owner."""
        return bool(self.owner) or self.why.startswith(BEFORE_UPGRADE)

    @property
    def upgrade(self) -> str:
        """The last one that the data in it has had; empty: none."""
        return self.upgrades[-1] if self.upgrades else ""

    @property
    def name(self) -> str:
        """Of the Docker volume that holds it."""
        return name(self.volume, self.id)


def name(volume: str, id_: str) -> str:
    return f"{volume}{INFIX}{id_}"


@dataclass(frozen=True, slots=True)
class Within:
    """A command in a container that runs: ``container`` is its id, ``service`` whose it is."""

    container: str
    service: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taking:
    """A snapshot to be taken of ``volume`` (its full name) on ``host``.

    ``mark``: what the host says of the volume, to be seen again. ``writers``: containers of ours that run and
    write to it; they pause, unless there are ``freeze`` and ``thaw``. ``readers``: ids of those that only
    read. ``image``: of the helper, by digest. ``version``, ``why``, ``owner``: as in :class:`Snapshot`.
    """

    volume: str
    role: str
    host: str
    mark: Mark
    image: str
    place: Place
    writers: tuple[Writer, ...] = ()
    readers: tuple[str, ...] = ()
    freeze: Within | None = None
    thaw: Within | None = None
    dump: Within | None = None
    version: str = ""
    why: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Restoring:
    """What is in ``volume`` on ``host`` becomes what ``snapshot`` holds.

    ``mark``: what the host says of it, to be seen again; None: there is no such volume. ``live``: what it
    becomes. ``keeping``: the snapshot to be taken of what is there; None: nothing whole is. ``writers``
    stop, and start again, but for those whose ids are in ``replaced``. ``load``: reads a dump; its service
    goes on running.
    """

    volume: str
    host: str
    snapshot: Snapshot
    mark: Mark | None
    live: Mark
    image: str
    place: Place
    keeping: Taking | None = None
    writers: tuple[Writer, ...] = ()
    load: Within | None = None
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Upgrading:
    """The data in ``volume`` on ``host`` is made fit for another version, or gets another owner.

    ``mark``, ``live``, ``image``, ``place``, ``writers``, ``replaced``: as in :class:`Restoring`.
    ``keeping``: the snapshot to be taken before; None: one that was cut off took ``kept``, from which this
    one begins.
    """

    volume: str
    host: str
    mark: Mark
    live: Mark
    image: str
    place: Place
    keeping: Taking | None = None
    kept: Snapshot | None = None
    writers: tuple[Writer, ...] = ()
    replaced: tuple[str, ...] = ()

    def back(self, kept: Snapshot) -> Restoring:
        """What brings back the data as it was before."""
        return Restoring(
            self.volume, self.host, kept, self.mark, self.live, self.image, self.place, self.keeping,
            self.writers, replaced=self.replaced,
        )  # fmt: skip
