"""Two real hosts, a volume on the first, and a container that writes to it and notes what it has written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fleet.facts.volumes import read_mark
from fleet.model.desired import Volume
from fleet.model.place import Place
from fleet.model.volumes import Mark, Relocation, State, Writer
from fleet.ops import marks
from fleet.ops.places import MakeVolume
from fleet.plan.tree import CopyVolume, MoveVolume
from fleet.rehearsal import Host, HostFleet
from fleet.report import events as ev
from fleet.run.volumes.copying import copy
from fleet.run.volumes.moving import move
from fleet.run.volumes.side import Side
from fleet.secret import Keyring
from fleet.transport.base import Transport
from fleet.transport.connect import Connector
from fleet.transport.endpoint import Endpoint
from tests.support.hosts import NO_CONFIG
from tests.support.volume_hosts import STATE, kind
from tests.support.waiting import until

VOLUME = "shop_test_pgdata"
SWEEP = """
iptables -w -F INPUT; docker ps -aq | xargs -r docker rm -f >/dev/null
docker volume ls -q | xargs -r docker volume rm >/dev/null
rm -rf /var/lib/fleet /srv/* /var/lib/docker/filler; true
"""
BORN = Mark("0123456789abcdef0123456789abcdef", 1, State.LIVE)

# A record counts once it is on the disk; only then it is noted outside of the volume.
WRITER = """
import os, random, signal
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
os.makedirs("/data/files", exist_ok=True)
log = open("/data/log", "ab+")
log.seek(0)
number = sum(1 for _ in log)
big = os.open("/data/big", os.O_RDWR | os.O_CREAT)
while True:
    number += 1
    log.write(b"%d\\n" % number)
    log.flush()
    os.fsync(log.fileno())
    os.pwrite(big, os.urandom(4096), random.randrange(4096) * 4096)
    with open(f"/data/files/{number % 40}", "wb") as file:
        file.write(os.urandom(random.randrange(2000)))
    with open("/noted/new", "w") as noted:
        noted.write(str(number))
    os.rename("/noted/new", "/noted/number")
"""
FILL = "import os\nfor n in range(600):\n open(f'/data/old-{n}', 'wb').write(os.urandom(60000))"


@dataclass
class Tap:
    """A connection, and who hears of each script that is about to go over it."""

    inner: Transport
    heard: Callable[[str, str], None]

    @property
    def host(self) -> str:
        return self.inner.host

    def run(self, script: Any, **words: Any) -> Any:
        self.heard(self.host, kind(str(script)))
        return self.inner.run(script, **words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass
class Moves:
    fleet: HostFleet
    image: str
    known_hosts: Path
    told: list[ev.Event] = field(default_factory=list)
    heard: Callable[[str, str], None] = lambda host, word: None
    open: list[Transport] = field(default_factory=list)
    names: tuple[str, str] = ("db-1", "db-2")

    @property
    def source(self) -> Host:
        return self.fleet.host(self.names[0])

    @property
    def target(self) -> Host:
        return self.fleet.host(self.names[1])

    def begin(self, fill: str = "") -> None:
        """The volume with some data, marked, and its writer. ``fill``: a container that makes it."""
        self.docker(self.source, f"volume create {VOLUME}")
        words = fill or f'{self.image} python3 -c "{FILL}"'
        self.docker(self.source, f"run --rm -v {VOLUME}:/data {words}")
        with self.connected() as (source, _):
            assert source.run(marks.write(STATE, VOLUME, None, BORN).script, timeout=30).ok
        self._serve(0)

    def serve_at_target(self) -> None:
        """It is the source of the next move."""
        noted = self.noted()
        self.names = (self.names[1], self.names[0])
        self._serve(noted)

    def _serve(self, noted: int) -> None:
        self.source.run(f"mkdir -p /srv/noted && echo {noted} >/srv/noted/number")
        self.docker(
            self.source,
            f"run -d --name writer --restart always -v {VOLUME}:/data -v /srv/noted:/noted "
            f"{self.image} python3 -u -c '{WRITER}'",
        )
        until(lambda: self.noted() > noted + 5, "the writer does not write")

    def docker(self, host: Host, words: str) -> str:
        return host.run(f"docker {words}").strip()

    def python(self, host: Host, program: str) -> str:
        words = f'run --rm -v {VOLUME}:/data {self.image} python3 -c "{program}"'
        return self.docker(host, words)

    def noted(self) -> int:
        return int(self.source.run("cat /srv/noted/number 2>/dev/null || echo 0"))

    def relocation(self, **changes: object) -> Relocation:
        """As a plan makes it of what is found."""
        mark = self.mark(self.source)
        assert mark
        found = self.docker(self.source, "ps -q --no-trunc --filter name=^writer$").split()
        writers = tuple(Writer(one, "writer", 5) for one in found)
        place = Place(STATE, "shop", "test")
        made = Relocation(VOLUME, *self.names, mark, self.target.address, self.image, place, writers)
        return replace(made, **changes)  # type: ignore[arg-type]

    def run(self, cancel: threading.Event | None = None, **changes: object) -> None:
        """Copy and move, as one run does."""
        planned = self.relocation(**changes)
        make = MakeVolume("shop", "test", Volume(VOLUME, "db"))
        with self.connected() as connections:
            source, target = (
                Side.of(planned, reads, transport, self.told.append, cancel or threading.Event())
                for reads, transport in zip((True, False), connections, strict=True)
            )
            copy(CopyVolume(self.names[1], planned, make), source, target, self.told.append, source.cancel)
            move(MoveVolume(self.names[1], planned), source, target, self.told.append)

    @contextmanager
    def connected(self) -> Iterator[tuple[Transport, Transport]]:
        with Connector(Keyring(), known_hosts=[self.known_hosts], ssh_config=NO_CONFIG) as connector:
            both = [
                connector.connect(
                    Endpoint(
                        host.name, host.address, user="deploy", key_file=str(self.fleet.keys.private_key),
                        become=True,
                    )
                )
                for host in (self.source, self.target)
            ]  # fmt: skip
            self.open = both
            try:
                yield Tap(both[0], self._heard), Tap(both[1], self._heard)  # type: ignore[misc]
            finally:
                for each in both:
                    each.close()

    def _heard(self, host: str, word: str) -> None:
        self.heard(host, word)

    def mark(self, host: Host) -> Mark | None:
        text = host.run(f"cat {STATE}/volumes/{VOLUME} 2>/dev/null || true").strip()
        return read_mark(text) if text else None

    @property
    def states(self) -> tuple[State | None, State | None]:
        here, there = self.mark(self.source), self.mark(self.target)
        return here and here.state, there and there.state

    def writing(self) -> bool:
        """Does the writer write at the source?"""
        return self.docker(self.source, "inspect -f '{{.State.Running}}' writer") == "true"

    def helpers(self) -> list[str]:
        hosts = (self.source, self.target)
        return [name for host in hosts for name in self.docker(host, "ps -a --format {{.Names}}").split()
                if name.endswith(".copy")]  # fmt: skip

    def moved(self) -> None:
        """All that was noted is at the target, which alone has it, and nothing of the move is left."""
        print(*self.notes, sep="\n")
        assert self.states == (State.FENCED, State.LIVE)
        assert not self.writing()
        assert self.helpers() == []
        assert self.source.run(f"ls {STATE}/moving").strip() == ""
        noted = self.noted()
        numbers = self.python(self.target, "print(open('/data/log').read())").split()
        assert numbers == [str(one) for one in range(1, len(numbers) + 1)]
        assert noted <= len(numbers) <= noted + 1
        assert self.python(self.target, "import os; print(len(os.listdir('/data')))") == "603"

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, ev.Note)]
