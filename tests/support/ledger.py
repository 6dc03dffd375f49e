"""Releases, claims and stores for tests of what keeps them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from fleet.ledger.embedded import EmbeddedStore
from fleet.ledger.store import Store
from fleet.model.leases import Claim, Lease
from fleet.model.place import Place
from fleet.model.releases import Entry, Head, Outcome, Record
from fleet.model.services import ConfigDir, ConfigFile, Service
from fleet.secret import Hole, SealedText, SecretRef
from fleet.transport.fake import FakeTransport
from tests.support.build import desired, service

PASSWORD = SealedText(("password=", Hole(SecretRef("env", "PASSWORD")), "\n"))
HOSTILE = 'it\'s "$(reboot)" `halt` $HOME \\ \\n %s\n==> 000001.head <==\n@taken 99\n\ttab é \u2028 -n'


def claim(run: str = "r1", who: str = "anna", **fields: object) -> Claim:
    given: dict[str, object] = {"controller": "laptop", "doing": "deploy v1", "since": "2026-01-01T00:00:00Z",
                                "seconds": 30, **fields}  # fmt: skip
    return Claim(run, who, **given)  # type: ignore[arg-type]


def entry(outcome: Outcome | None = Outcome.RUNNING, **fields: object) -> Entry:
    return Entry("2026-01-01T00:00:00Z", "r1", "anna", outcome, **fields)  # type: ignore[arg-type]


def configured(name: str = "app", version: str = "v1", **fields: object) -> Service:
    files = (ConfigFile("app.conf", f"of {name}\n"), ConfigFile("secret.conf", PASSWORD))
    pinned = f"registry.example:5000/{name}:{version}@sha256:{'ab' * 32}"
    made = service(name, configs=(ConfigDir(f"/srv/{name} conf", "/etc/app", files),), **fields)
    return replace(made, container=replace(made.container, image=pinned))


def record(version: str = "v1", number: int = 0, **services: tuple[Service, ...]) -> Record:
    """``services`` by host, with ``_`` for ``-``."""
    given = {host.replace("_", "-"): ones for host, ones in services.items()}
    given = given or {"web-1": (configured(version=version),), "web-2": (configured(version=version),)}
    head = Head(number, "test", version, "2026-01-01T00:00:00Z", "anna", "laptop", "r1",
                commit="c0ffee", hosts=tuple(given), ledger="web-1")  # fmt: skip
    return Record(
        head,
        desired(given, version),
        {"web/compose.yml": "services: {}\n"},
        {host: {"!secret env:PASSWORD": "0123456789abcdef"} for host in given},
    )


def taken(store: Store, of: Claim | None = None, over: int = 0) -> Lease:
    """The lease, which must be to be had."""
    got = store.take(of or claim(), over)
    assert isinstance(got, Lease), got
    return got


@dataclass
class LedgerHost:
    """A host whose clock a test sets; ``bin`` comes first in the PATH of its scripts."""

    root: Path
    bin: Path
    place: Place
    store: EmbeddedStore
    transport: FakeTransport

    @classmethod
    def at(cls, root: Path, shell: str = "sh") -> LedgerHost:
        """The PATH is for the caller to set."""
        programs = root / "bin"
        programs.mkdir()
        host = root / "host"
        host.mkdir()
        place = Place(str(root / "state dir"), "shop", "test")
        transport = FakeTransport("web-1", host)
        made = cls(root, programs, place, EmbeddedStore(transport, place), transport)
        made.program("date", f'cat "{root}/clock"')
        if shell != "sh":
            made.program("sh", f'exec {shell} "$@"')
        made.set_clock(1_000_000)
        return made

    def program(self, name: str, body: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def cut_at(self, call: int) -> None:
        """Kill the script just before the ``call``-th program, from 0, that changes the disk."""
        (self.root / "left").write_text(str(call))
        for name in ("mkdir", "mv", "ln", "rm", "sync", "sort"):
            body = (
                f'left=$(cat "{self.root}/left"); echo $((left - 1)) >"{self.root}/left"\n'
                f'[ "$left" -ne 0 ] || kill -9 $PPID\n[ "$left" -gt 0 ] || exit 1\n'
                f'exec {shutil.which(name)} "$@"'
            )
            self.program(name, body)

    def uncut(self) -> None:
        for name in ("mkdir", "mv", "ln", "rm", "sync", "sort"):
            (self.bin / name).unlink()

    def set_clock(self, seconds: float) -> None:
        (self.root / "clock").write_text(f"{seconds:.0f}\n")

    @property
    def base(self) -> Path:
        return Path(self.place.base)

    @property
    def ledger(self) -> Path:
        return self.base / "ledger"

    def run(self, script: str) -> tuple[int | None, str, str]:
        done = self.transport.run(script, timeout=30)
        return done.rc, done.out.decode(), done.err.decode()
