"""A fleet in memory that remembers what it was like after every change: each is what a kill leaves behind.

A controller that is killed does nothing any more, so the fleet stays as it was after the last call that
took effect. Instead of killing a run at each of its calls, the run is let to its end once, and begun
again from every state that it went through.

Scripts are really carried out, by this machine's ``sh``, with a directory of the host's own in place of
``/srv``, ``/run`` and ``/var/lib``; what they ask Docker is answered from the fake engine.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet.facts.listing import LISTING
from fleet.facts.script import PROBES
from fleet.facts.volumes import DIRECTORY
from fleet.ops.containers import is_leftover
from fleet.secret import Keyring, Text
from fleet.transport.base import OnLine, Result
from fleet.transport.fake_engine import FakeContainer, FakeEngine
from tests.support.memory import FENCE_END, MemoryFleet, MemoryHost, inspected
from tests.support.stub import ended

IN_MEMORY = {"engine", "containers", "foreign_names", "images", "networks", "volumes", "ports", "clock"}
"""Probes that ask Docker, or the machine."""
FRAME = re.compile(r"\(:\n(.*?)\n\) 2>&1\nprintf '\\n%s %s\\n' (\S+) \$\?\n", re.DOTALL)
CHECKS = re.compile(r"^  (http|tcp|inside|logged|good|\[ \"\$health\")", re.MULTILINE)
# Owners as root would make them, whoever runs the tests; what lies in memory needs no flush.
SHELL = """\
chown() { :; }
sync() { :; }
date() { echo %d; }
stat() { case $2 in '%%a %%u:%%g') echo "$(command stat -Lc %%a "$3") 0:0" ;; *) command stat "$@" ;; esac; }
docker() {
  case $1 in
    inspect) for one; do :; done; case $one in %s*) return 1 ;; esac ;;
    ps) echo '%s' ;;
    volume) for one; do :; done; case ' %s ' in *" $one "*) ;; *) return 1 ;; esac ;;
  esac
}
"""

MARK = "fleet-mark"

Tree = dict[str, tuple[int, bytes | str | None]]
"""Path → mode and content: bytes of a file, the target of a link, None for a directory."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One host between two calls."""

    containers: dict[str, FakeContainer]
    images: dict[str, str]
    networks: dict[str, Any]
    volumes: dict[str, Any]
    warm: frozenset[str]
    files: Tree


@dataclass
class LastingHost(MemoryHost):
    """``warm``: ids of the containers that serve. One that has started does so from the second look of a
    gate on. ``clock``: seconds since 1970. ``after``: called after each call that may have
    changed something."""

    warm: set[str] = field(default_factory=set)
    clock: Callable[[], float] = time.time
    after: Callable[[], None] = lambda: None
    known: dict[Any, str] = field(default_factory=dict)

    def run(self, script: Text, *, timeout: float, on_line: OnLine | None = None, **_: Any) -> Result:  # type: ignore[override]
        text = self.keyring.reveal(script)
        try:
            if "printf 'sample" in text and on_line:
                return self._sampled(text, on_line)
            if LISTING in text:
                return self._probed(text)
            return self._shell(text)
        finally:
            self.after()

    def docker(self, call: Any, **options: Any) -> Any:
        try:
            return super().docker(call, **options)
        finally:
            self.after()

    def _sampled(self, text: str, on_line: OnLine) -> Result:
        fence, end, _ = text.partition(FENCE_END)
        refused = self._shell(fence + end)
        found = re.search(r"^name=(\S+)$", text, re.MULTILINE)
        assert end
        assert found
        if refused.rc:
            return refused
        count = len(CHECKS.findall(text.partition("docker inspect -f")[2]))
        for _ in range(50):
            one = self.engine.container(found[1])
            if on_line("out", self._line(one, count)):
                return ended(None, stopped=True)
            if one and one.state == "running":
                self.warm.add(one.id)
            time.sleep(0.001)
        return ended(None, timed_out=True)

    def _line(self, one: FakeContainer | None, checks: int) -> str:
        if one is None:
            return "\t".join(["sample", "gone", "0", "0", "-", *["no:gone"] * checks])
        good = one.id in self.warm
        words = ["sample", one.state, str(one.exit_code), "0", "healthy" if good else "starting"]
        return "\t".join([*words, *["ok" if good else "no:not yet"] * checks])

    def _probed(self, text: str) -> Result:
        """The probes of files really, those of Docker from memory."""
        frames = FRAME.findall(text)
        *first, _ = [""] * (len(frames) - len(PROBES) + 1)
        names = [*first, *(probe.name for probe in PROBES)]
        real = "".join(
            f"(:\n{script}\n) 2>&1\nprintf '\\n%s %s\\n' {mark} $?\n" if name not in IN_MEMORY
            else f"printf '%s\\n' '{mark}-{name}'\n"
            for name, (script, mark) in zip(names, frames, strict=True)
        )  # fmt: skip
        mark = frames[0][1]
        out = self._remembered(real, mark) if not first else self._shell(real).out.decode()
        for name in IN_MEMORY:
            out = out.replace(f"{mark}-{name}\n", f"{self._section(name)}\n{mark} 0\n", 1)
        return ended(0, out)

    def _remembered(self, probes: str, mark: str) -> str:
        """Most hosts look most of the time as at the look before."""
        key = (probes.replace(mark, MARK), tuple(tree(self.root).items()))
        if key not in self.known:
            self.known[key] = self._shell(key[0]).out.decode()
        return self.known[key].replace(MARK, mark)

    def _section(self, name: str) -> str:
        match name:
            case "containers":
                return self._inspected()
            case "clock":
                return str(int(self.clock()))
        return super()._section(name)

    def _inspected(self) -> str:
        found = []
        for one in self.engine.containers.values():
            told = inspected(one)
            if one.state == "running":
                told["State"]["Health"] = {"Status": "healthy" if one.id in self.warm else "starting"}
            found.append(told)
        return json.dumps(found)

    def _shell(self, text: str) -> Result:
        self.root.mkdir(parents=True, exist_ok=True)
        text = self._words() + text
        for path in ("/srv/", "/run/fleet/", "/var/lib/fleet"):
            text = re.sub(rf"(?<![\w.]){path}", f"{self.root}{path}", text)
        done = subprocess.run(["sh", "-s"], input=text.encode(), capture_output=True, check=False, timeout=30)
        out, err = (told.replace(str(self.root).encode(), b"") for told in (done.stdout, done.stderr))
        return Result(done.returncode, out, err, 0.1)

    def _words(self) -> str:
        ones = self.engine.containers.values()
        names = "".join(f"{one.name}) echo {one.id} ;; " for one in ones)
        volumes = " ".join(self.engine.volumes)
        return SHELL % (self.clock(), names, "\n".join(one.id for one in ones), volumes)

    @property
    def marks(self) -> Path:
        return self.root / "var/lib/fleet" / DIRECTORY

    def moment(self) -> Moment:
        engine = self.engine
        return Moment(
            copy.deepcopy(engine.containers), dict(engine.images), dict(engine.networks),
            dict(engine.volumes), frozenset(self.warm), tree(self.root),
        )  # fmt: skip

    def return_to(self, moment: Moment) -> None:
        engine = self.engine
        engine.containers = copy.deepcopy(moment.containers)
        engine.images, engine.networks = dict(moment.images), dict(moment.networks)
        engine.volumes, self.warm = dict(moment.volumes), set(moment.warm)
        plant(self.root, moment.files)

    def serving(self, role: str) -> bool:
        """Whether one of the role's services is there and all that are serve."""
        ours = [one for one in self.engine.containers.values()
                if one.body["Labels"].get("fleet.role") == role and not is_leftover(one.name)]  # fmt: skip
        return bool(ours) and all(one.state == "running" and one.id in self.warm for one in ours)


class LastingFleet(MemoryFleet):
    """``later``: by how many seconds its clocks are before ours. ``changed`` is called after every call on a
    host, with its name."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.later = 0.0
        self.changed: Callable[[str], None] = lambda host: None
        self.hosts: dict[str, LastingHost] = {}  # type: ignore[assignment]

    def host(self, name: str) -> LastingHost:
        if name not in self.hosts:
            made = LastingHost(name, FakeEngine(self.registry), Keyring(), self._root / name)
            made.clock = lambda: time.time() + self.later
            made.after = lambda: self.changed(name)
            self.hosts[name] = made
        return self.hosts[name]

    def moment(self) -> dict[str, Moment]:
        return {name: host.moment() for name, host in self.hosts.items()}

    def return_to(self, moment: dict[str, Moment]) -> None:
        for name, one in moment.items():
            self.host(name).return_to(one)

    def serving(self, role: str) -> int:
        return sum(host.serving(role) for host in self.hosts.values())


def tree(root: Path) -> Tree:
    found: Tree = {}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode & 0o7777
        content = str(path.readlink()) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
        found[str(path.relative_to(root))] = (mode, content)
    return found


def plant(root: Path, files: Tree) -> None:
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for name, (mode, content) in files.items():
        path = root / name
        match content:
            case None:
                path.mkdir()
            case str():
                path.symlink_to(content)
                continue
            case bytes():
                path.write_bytes(content)
        path.chmod(mode)
