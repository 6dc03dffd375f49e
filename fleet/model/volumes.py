"""Named volumes: whose data lies where, and how it gets to another host."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fleet.model.place import Place


class State(enum.StrEnum):
    """What a volume on one host is. ``LIVE``: services may run on it. ``INCOMING``: a copy that is not
    complete. ``FENCED``: its data went to another host; kept, and nothing starts on it."""

    LIVE = "live"
    INCOMING = "incoming"
    FENCED = "fenced"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a host says of one of its volumes, in a file outside of it: labels of a volume cannot be changed.

    ``lineage`` is given once, by the host on which the data was born or adopted, and goes with the data.
    ``generation`` grows each time that it goes to another host. ``peer``: where it went to, or comes from.
    ``since``: seconds since 1970 by the host's clock. ``proven``: a service has passed its gate on it here.
    ``snapshot``: of one that is incoming: the id of the snapshot that it comes from; then there is no peer.
    ``made``: as in :class:`FoundVolume`; empty where nobody has noted it.
    ``called``: the data's name at its peer, where that is another one; then the peer may be this host.
    ``mounted``: an anonymous volume's place, as ``role.service:/path``.
    ``came``: of what was anonymous at its peer: where it was mounted, as there.
    ``upgrades``: ids of those that the data has had, in their order; made anew, it is as if it had had one.
    ``owned``: whose the data was before a role said whose it is to be; empty: none did, or it was made so.
    """

    lineage: str
    generation: int
    state: State
    peer: str = ""
    since: int = 0
    proven: bool = False
    snapshot: str = ""
    made: str = ""
    called: str = ""
    mounted: str = ""
    upgrades: tuple[str, ...] = ()
    owned: str = ""
    came: str = ""

    @property
    def upgrade(self) -> str:
        """The last one; empty: none."""
        return self.upgrades[-1] if self.upgrades else ""


def is_directory(name: str) -> bool:
    """A directory of the host that services mount is called by its path; no volume's name is one."""
    return name.startswith("/")


@dataclass(frozen=True, slots=True)
class FoundVolume:
    """A volume of a host, or a directory that services mount. ``mark`` None: nobody has told Fleet of it.
    ``users``: names of the containers that mount it, whoever made them, also stopped ones. ``project``,
    ``env``, ``role``: its labels of ours; ``snapshot``, too: the volume that it holds a snapshot of, or was
    to.

    ``made``: how it was made, told by its labels. The engine makes one that somebody has removed anew for the
    next container, and without labels; when an engine says that one was made, it may mean its last write.
    ``options``: of its driver; None: nobody has asked. ``owner``: of its root, as ``uid:gid``; empty: not
    seen. ``entries``: how many are in it, counted where its owner is to be another one.
    ``left``: in place of ``mark``, when that tells of one that was made in another way. ``damaged``: there is
    a mark, and it cannot be read.
    """

    name: str
    driver: str = "local"
    mark: Mark | None = None
    users: tuple[str, ...] = ()
    project: str = ""
    env: str = ""
    role: str = ""
    snapshot: str = ""
    made: str = ""
    left: Mark | None = None
    damaged: bool = False
    options: tuple[tuple[str, str], ...] | None = None
    owner: str = ""
    entries: int = 0


@dataclass(frozen=True, slots=True)
class Home:
    """Where the ledger says that a volume's data lives."""

    host: str
    lineage: str
    generation: int


@dataclass(frozen=True, slots=True)
class Writer:
    """A container of ours on the source that mounts the volume; it gets ``grace`` seconds to stop in."""

    id: str
    name: str
    grace: float


@dataclass(frozen=True, slots=True)
class Relocation:
    """The data of ``volume`` (its full name) goes from ``source`` to ``target``.

    ``origin``: what it is called at the source, where that is another name; then both may be one host.
    ``mounted``: as the target's mark has it.
    ``mark``: what the source bears, to be seen again before anything is done. ``address``: the target's, as
    other hosts reach it. ``image``: of the helper, pinned by digest. ``place``: of the environment; the marks
    lie in its ``state_dir``. ``writers`` are stopped. ``rate``: bytes a second, 0: no limit. ``downtime``:
    seconds above which the move is not begun; 0: no such limit.
    """

    volume: str
    source: str
    target: str
    mark: Mark
    address: str
    image: str
    place: Place
    writers: tuple[Writer, ...] = ()
    rate: int = 0
    downtime: float = 0
    origin: str = ""
    mounted: str = ""

    @property
    def at_source(self) -> str:
        """What the data is called there."""
        return self.origin or self.volume

    @property
    def incoming(self) -> Mark:
        """What the target bears until the copy is complete."""
        return replace(
            self.mark, state=State.INCOMING, peer=self.source, proven=False, called=self.origin,
            mounted=self.mounted, came=self.mark.mounted,
        )  # fmt: skip

    @property
    def fenced(self) -> Mark:
        """What the source bears once nothing starts on it any more."""
        called = self.volume if self.origin else ""
        return replace(self.mark, state=State.FENCED, peer=self.target, called=called)

    @property
    def before(self) -> Mark:
        """What the source is again when the move comes to nothing."""
        mark = self.mark
        # A run before has fenced it off, for this very move.
        cut = mark.state is State.FENCED and replace(self.fenced, since=mark.since) == mark
        return replace(mark, state=State.LIVE, peer="", called="") if cut else mark


@dataclass(frozen=True, slots=True)
class Moving:
    """What a run needs to move volumes, and what its operator says of them. Volumes are named as in their
    role, or in full.

    ``image``: of the helper, as written; ``addresses``: host → how other hosts reach it. ``adopt``: what lies
    on the hosts that want it (``NAME=HOST``: on this one) is the data, whatever is known of it. ``empty``: it
    may begin anew. ``sources``: (volume, host) pairs, of which a nameless one means every volume: where the
    data is taken from. ``rate`` and ``downtime`` as in :class:`Relocation`. ``back``: a failed run goes back,
    so that what it has written where nothing was healthy does not count.
    """

    image: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)
    adopt: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    rate: int = 0
    downtime: float = 0
    back: bool = False


NOTHING_SAID = Moving()
