"""A fleet in memory: hosts whose probes and gates are answered from a fake engine, for whole use cases."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet.errors import Unreachable
from fleet.facts.clock import ClockProbe
from fleet.facts.proven import MOUNTED
from fleet.facts.script import PROBES
from fleet.facts.snapshots import DIRECTORY as SNAPSHOTS
from fleet.facts.volumes import DIRECTORY, LABELS
from fleet.ops.effects import ApiCall
from fleet.secret import Keyring, Text
from fleet.transport.base import ConnectionLost, OnLine, OnProgress, Result
from fleet.transport.docker_errors import Refusal, explain
from fleet.transport.endpoint import Endpoint
from fleet.transport.fake import answered
from fleet.transport.fake_engine import FakeContainer, FakeEngine, FakeRegistry
from tests.support.stub import ended

FENCE, FENCE_END = "(\n  umask 077\n", ") || exit\n"
KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="


@dataclass
class MemoryHost:
    """``sick``: tags of images whose containers never get healthy. ``failing``: exit status of jobs, by
    command; with ``cut_in_job`` the connection ends in one. ``sections``: what a probe prints instead of the
    truth, by its name. ``log``: what was run and called, in order. ``root``: in place of the host's
    ``/var/lib``; what belongs to the ledger is really carried out there, by this machine's ``sh``.
    ``sockets``: what answers on the host's unix sockets, by path."""

    host: str
    engine: FakeEngine
    keyring: Keyring
    root: Path
    sick: set[str] = field(default_factory=set)
    sections: dict[str, str] = field(default_factory=dict)
    lost: bool = False
    proven: set[str] = field(default_factory=set)
    failing: dict[str, int] = field(default_factory=dict)
    cut_in_job: bool = False
    log: list[str] = field(default_factory=list)
    calls: int = 0
    sockets: dict[str, Callable[[str], str]] = field(default_factory=dict)

    def run(
        self, script: Text, *, timeout: float, become: bool = True, on_line: OnLine | None = None,
        cancel: threading.Event | None = None, on_bytes: Any = None, feed: Any = None,
    ) -> Result:  # fmt: skip
        if self.lost:
            raise Unreachable("the connection was lost", host=self.host)
        text = self.keyring.reveal(script)
        if text.startswith(FENCE):
            check, _, text = text.partition(FENCE_END)
            refused = self._shell(check + FENCE_END)
            if refused.rc:
                return refused
        if not text or text.startswith(("base=", "marks=")) or text == ClockProbe.clock:
            return self._shell(text)
        if dropped := re.match(r"snapshots=\S+ name=(\S+)\n", text):
            (self.records / dropped[1]).unlink()
            self.engine.volumes.pop(dropped[1])
            return ended(0)
        if text.startswith("export LC_ALL=C\n(:"):
            self.log.append("probe")
            mark = text.rsplit(" ", 2)[1]
            return ended(0, self._first(text, mark) + "".join(
                f"{self._section(probe.name)}\n{mark} 0\n" for probe in PROBES
            ))  # fmt: skip
        if "printf 'sample" in text and on_line:
            return self._sample(text, on_line, timeout)
        if proven := re.search(r"--type container -f '\{\{\.Id\}\}' (\S+)\)", text):
            one = self.engine.container(proven[1])
            self.proven |= {one.id} if one else set()
            self._shell(f"marks={self.root / DIRECTORY} name={proven[1]}\n{MOUNTED}")
            return ended(0 if one else 1)
        if job := re.search(r"^name=(\S+)\ndocker (logs|inspect)", text):
            return self._job(job[1], on_line)
        self.log.append("script")
        for line in self.sections.get("script", "").splitlines():
            if on_line:
                on_line("out", line)
        return ended(0)

    @property
    def marks(self) -> Path:
        """Where the marks of its volumes are."""
        return self.root / DIRECTORY

    @property
    def records(self) -> Path:
        """Where the records of its snapshots are."""
        return self.root / SNAPSHOTS

    def _volumes(self) -> Iterator[str]:
        for name, body in self.engine.volumes.items():
            marks = [body.get("Labels", {}).get(label, "") for label in LABELS]
            yield "\t".join([f"volume {name}", body.get("Driver", "local"), *marks])
        for one in self.engine.containers.values():
            yield f"mounts {one.name}\t{','.join(volumes_of(one))}"
        for path in sorted(self.marks.glob("*")):
            yield f"mark {path.name}\t{path.read_text().strip()}"

    def _job(self, name: str, on_line: OnLine | None) -> Result:
        """The job ends when somebody looks how it goes on."""
        one = self.engine.container(name)
        assert one
        if on_line:
            command = " ".join(one.body["Cmd"])
            self.log.append(f"job {command}")
            on_line("out", f"doing {command}")
            if self.cut_in_job:
                raise ConnectionLost("the connection was lost", host=self.host)
            one.state, one.exit_code = "exited", self.failing.get(command, 0)
        times = "2026-01-31T10:00:00.123456789Z 2026-01-31T10:00:01.123456789Z"
        return ended(0, f"{one.exit_code} false {times}\n")

    def _first(self, text: str, mark: str) -> str:
        """What a script before the probes says."""
        if text.count(f" {mark} ") == len(PROBES):
            return ""
        script = text.partition("(:\n")[2].partition("\n) 2>&1\nprintf")[0]
        done = self._shell(f"(:\n{script}\n) 2>&1")
        return f"{done.out.decode()}\n{mark} {done.rc}\n"

    def _shell(self, text: str) -> Result:
        """Really, with the host's own directory in place of the one that all hosts have."""
        self.root.mkdir(parents=True, exist_ok=True)
        for name in ("releases", DIRECTORY):
            text = text.replace(f"/var/lib/fleet/{name}", f"{self.root}/{name}")
        done = subprocess.run(
            ["sh", "-s"], input=f"{self._docker()}{text}".encode(),
            capture_output=True, check=False, timeout=30,
        )  # fmt: skip
        if not done.returncode and (gone := re.search(r"(?ms) volume=(\S+)\n.*^docker volume rm ", text)):
            self.engine.volumes.pop(gone[1], None)
        return Result(done.returncode, done.stdout, done.stderr, 0.1)

    def _docker(self) -> str:
        """What scripts on volumes ask it."""
        mounts = {one.name: volumes_of(one) for one in self.engine.containers.values()}
        there = "".join(f"    'volume {name}') return 0 ;;\n" for name in self.engine.volumes)
        there += "".join(f"    'inspect {name}') echo {' '.join(has)} ;;\n" for name, has in mounts.items())
        cases = f'  case "$1 $last" in\n{there}    *) return 1 ;;\n  esac\n'
        return f"docker() {{\n  for last; do :; done\n{cases}}}\n"

    def docker(
        self,
        call: ApiCall,
        *,
        timeout: float,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> Any:
        self.log.append(type(call).__name__)
        try:
            return self.engine.carry_out(call, self.keyring, on_progress)
        except Refusal as refusal:
            raise explain(refusal, call, self.host) from refusal

    def ask(self, socket: str, request: str, *, timeout: float) -> str:
        if self.lost:
            raise Unreachable("the connection was lost", host=self.host)
        self.log.append(f"ask {request}")
        return answered(self.sockets, socket, request, timeout, self.host)

    def close(self) -> None:
        """There is nothing to close."""

    def running(self) -> dict[str, str]:
        """Tag of the image by name of each running container."""
        return {one.name: self._tag(one) for one in self.engine.containers.values() if one.state == "running"}

    def _tag(self, container: FakeContainer) -> str:
        digest = container.body["Image"].partition("@")[2]
        return next((name.rpartition(":")[2] for name, one in self.engine.registry.digests.items()
                     if one == digest), "?")  # fmt: skip

    def _sample(self, text: str, on_line: OnLine, timeout: float) -> Result:
        found = re.search(r"^name=(\S+)$", text, re.MULTILINE)
        assert found
        self.log.append("gate")
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            one = self.engine.container(found[1])
            verdict = "no:it is sick" if one and self._tag(one) in self.sick else "ok"
            state = f"{one.state}\t{one.exit_code}" if one else "gone\t0"
            if on_line("out", f"sample\t{state}\t0\t-\t{verdict}"):
                return ended(None, stopped=True)
            time.sleep(0.01)
        return ended(None, timed_out=True)

    def _section(self, name: str) -> str:
        if name in self.sections:
            return self.sections[name]
        match name:
            case "engine":
                return "version 26.1 1.45\nroot /var/lib/docker"
            case "containers":
                return json.dumps([inspected(one) for one in self.engine.containers.values()])
            case "foreign_names":
                return "ours shop/test"
            case "images":
                return json.dumps([
                    {"Id": digest, "RepoTags": [name for name, one in self.engine.images.items()
                                                if one == digest and "@" not in name],
                     "RepoDigests": [name for name in self.engine.images if name.endswith(f"@{digest}")]}
                    for digest in set(self.engine.images.values())
                ])  # fmt: skip
            case "networks":
                return "\n".join(f"name {one}" for one in ("bridge", *self.engine.networks))
            case "volumes":
                return "\n".join(self._volumes())
            case "snapshots":
                found = sorted(self.records.glob("*"))
                return "\n".join(f"snapshot {path.name}\t{path.read_text().strip()}" for path in found)
            case "proven":
                return "\n".join(self.proven)
            case "key":
                return KEY
            case "clock":
                return str(int(time.time()))
        return ""


def volumes_of(one: FakeContainer) -> list[str]:
    host = one.body["HostConfig"]
    mounts = [mount["Source"] for mount in host.get("Mounts", ()) if mount["Type"] == "volume"]
    return [*mounts, *(bind.partition(":")[0] for bind in host.get("Binds", ()) if not bind.startswith("/"))]


def inspected(one: FakeContainer) -> dict[str, Any]:
    host = one.body["HostConfig"]
    return {
        "Id": one.id,
        "Name": f"/{one.name}",
        "Image": one.body["Image"],
        "RestartCount": 0,
        "State": {"Status": one.state, "ExitCode": one.exit_code, "StartedAt": "2026-01-01T00:00:00Z"},
        "Config": {"Labels": one.body["Labels"]},
        "HostConfig": host,
        "NetworkSettings": {"Networks": {host["NetworkMode"]: {}, **one.networks}},
        "Mounts": [],
    }


class MemoryFleet:
    """Hosts by name, made when they are first connected to; their state outlives a connection."""

    def __init__(self, root: Path) -> None:
        self.registry = FakeRegistry()
        self._root = root
        self.hosts: dict[str, MemoryHost] = {}
        self.unreachable: set[str] = set()

    def host(self, name: str) -> MemoryHost:
        return self.hosts.setdefault(
            name, MemoryHost(name, FakeEngine(self.registry), Keyring(), self._root / name)
        )

    def connector(self, keyring: Keyring, **_: Any) -> Connector:
        return Connector(self, keyring)

    @property
    def log(self) -> dict[str, list[str]]:
        """What was done on each host since the last look, probes left out."""
        found = {name: [word for word in host.log if word != "probe"] for name, host in self.hosts.items()}
        for host in self.hosts.values():
            host.log.clear()
        return {name: log for name, log in found.items() if log}


class Connector:
    """In place of :class:`fleet.transport.connect.Connector`."""

    def __init__(self, fleet: MemoryFleet, keyring: Keyring) -> None:
        self._fleet = fleet
        self._keyring = keyring

    def connect(self, endpoint: Endpoint) -> Any:
        found = self.connect_all([endpoint], 1)[endpoint.name]
        if isinstance(found, Unreachable):
            raise found
        return found

    def connect_all(self, endpoints: Iterable[Endpoint], parallel: int) -> dict[str, Any]:
        return dict(self._connected(endpoints))

    def _connected(self, endpoints: Iterable[Endpoint]) -> Iterator[tuple[str, Any]]:
        for endpoint in endpoints:
            host = self._fleet.host(endpoint.name)
            host.keyring = self._keyring
            if endpoint.name in self._fleet.unreachable:
                yield endpoint.name, Unreachable("connection refused", host=endpoint.name)
            else:
                yield endpoint.name, host

    def close(self) -> None:
        """There is nothing to close."""
