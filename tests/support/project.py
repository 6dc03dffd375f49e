"""A project on disk, made for one test, and the real command run in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fleet.rehearsal import HostFleet
from tests.support import warm

BIN = Path(sys.executable).parent
ENV = "test"


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended. ``text`` is all that the operator saw."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def text(self) -> str:
        return self.out + self.err

    def ended(self, code: int) -> Done:
        """Assert the exit code, with all that was said when it is another one, and never a traceback."""
        assert self.code == code, f"exit code {self.code}, wanted {code}\n{self.text}"
        assert "Traceback" not in self.text, self.text
        return self

    def says(self, *parts: str) -> Done:
        """Assert that the operator reads all of ``parts``."""
        for part in parts:
            assert part in self.text, f"{part!r} is not in:\n{self.text}"
        return self

    @property
    def events(self) -> list[dict[str, Any]]:
        """Of ``--json``: every line is one object."""
        return [json.loads(line) for line in self.out.splitlines()]


def _told(done: Done, words: Sequence[str]) -> Done:
    """For pytest's report of a test that failed, and for -rP."""
    print(f"$ fleet {' '.join(words)}\n{done.text}→ exit code {done.code}, {done.seconds:.1f} s\n")
    return done


class Running:
    """A command that runs; its output is read while it does."""

    def __init__(self, process: subprocess.Popen[str], words: Sequence[str]) -> None:
        self._process = process
        self._words = words
        self._seen = ""
        self._ended = False
        self._news = threading.Condition()
        self._began = time.monotonic()
        # By a thread: who waits for a line of a command that says nothing waits no longer than he wants to.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, text: str, seconds: float = 120, times: int = 1) -> None:
        """Wait until ``text`` has been said so often."""
        with self._news:
            self._news.wait_for(lambda: self._seen.count(text) >= times or self._ended, seconds)
            assert self._seen.count(text) >= times, (
                f"{'ended' if self._ended else f'{seconds:g} s'} without {text!r}:\n{self._seen}"
            )

    def press(self) -> None:
        """^C."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        self._process.kill()

    def pause(self) -> None:
        """As a machine that goes to sleep: nothing of it runs until :meth:`wake`."""
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self, seconds: float = 120) -> Done:
        """Everything it said. It is killed if it does not end in time."""
        late = threading.Timer(seconds, self._process.kill)
        late.start()
        code = self._process.wait()
        late.cancel()
        # What it has started and left behind may have its output still open.
        self._reader.join(10)
        return _told(Done(code, self._seen, "", time.monotonic() - self._began), self._words)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._news:
                self._seen += line
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


@dataclass(slots=True)
class Project:
    """``inventories/test`` and ``roles/`` in ``root``, for the hosts of ``fleet``."""

    root: Path
    fleet: HostFleet
    name: str
    registry: str
    environ: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def write(self, path: str, content: str | Mapping[str, Any]) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        return target

    def inventory(
        self, groups: Mapping[str, Sequence[str]], *, hosts: Mapping[str, Mapping[str, Any]] | None = None,
        **vars: Any,
    ) -> None:  # fmt: skip
        """Groups of hosts; ``hosts``: variables by host; ``vars``: variables of all."""
        every = {
            "ansible_user": "deploy",
            "ansible_become": True,
            "ansible_ssh_private_key_file": str(self.fleet.keys.private_key),
            "fleet_project": self.name,
            "registry": self.registry,
            **vars,
        }
        children = {
            group: {"hosts": {name: self._host(name) | dict((hosts or {}).get(name, {})) for name in names}}
            for group, names in groups.items()
        }
        self.write(f"inventories/{ENV}/hosts.yml", {"all": {"vars": every, "children": children}})
        self.write(f"inventories/{ENV}/known_hosts", self.fleet.known_hosts())

    def role(self, name: str = "web", **changes: Any) -> None:
        """A role with the one service ``app``; see :func:`service` for ``changes``."""
        self.compose(name, {"app": service(**changes)})

    def compose(self, role: str, services: Mapping[str, Any], **top: Any) -> None:
        tops = {key.replace("_", "-"): value for key, value in top.items()}
        self.write(f"roles/{role}/compose.yml", {**tops, "services": services})

    def run(self, *words: str, timeout: float = 120, typed: str = "") -> Done:
        """``typed``: what it reads on standard input."""
        began = time.monotonic()
        ended = warm.run(words, self.root, self._environment(), timeout=timeout, typed=typed)
        return _told(Done(*ended, time.monotonic() - began), words)

    def inv(self, *words: str) -> Done:
        """The same by the program ``inv``, and as an operator starts it."""
        began = time.monotonic()
        done = subprocess.run(
            [BIN / "inv", *words],
            cwd=self.root,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return _told(Done(done.returncode, done.stdout, done.stderr, time.monotonic() - began), words)

    def deploy(self, version: str = "v1", *words: str) -> Done:
        return self.run("deploy", "--env", ENV, "--version", version, "--yes", *words)

    def plan(self, version: str = "v1", *words: str) -> Done:
        return self.run("plan", "--env", ENV, "--version", version, *words)

    def start(self, version: str, *words: str) -> Running:
        """A deploy in the background."""
        return self.begin("deploy", "--env", ENV, "--version", version, "--yes", *words)

    def begin(self, *words: str) -> Running:
        """Any command in the background; both output streams in one."""
        process = subprocess.Popen(
            [BIN / "fleet", *words],
            cwd=self.root,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return Running(process, words)

    def close(self) -> None:
        """End what a failed test has left running."""
        for process in self.started:
            process.kill()
            process.wait()

    @property
    def runs(self) -> list[Path]:
        """Directories of the runs, oldest first."""
        return sorted((self.root / ".fleet" / "runs").glob("*"), key=lambda path: path.stat().st_mtime_ns)

    def _host(self, name: str) -> dict[str, Any]:
        addresses = {spec.name: spec.address for spec in self.fleet.specs}
        return {"ansible_host": addresses.get(name, "192.0.2.1")}

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
        return {**kept, "PYTHONUNBUFFERED": "1", **self.environ}


def service(
    image: str = "{{ registry }}/app:{{ version }}",
    *,
    update: Mapping[str, Any] | None = None,
    gate: Mapping[str, Any] | None = None,
    x: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A service that answers on port 8001, replaced on all hosts at once behind a quick gate.

    ``update``, ``gate`` and ``x`` (x-fleet) are laid over what is here, ``more`` are Compose's keys.
    """
    policy = {"parallelism": 0, "monitor": "200ms", "failure_action": "rollback", **(update or {})}
    quick = {
        "deadline": "30s",
        "interval": "150ms",
        "rise": 2,
        "checks": [{"http": {"port": 8000, "path": "/health", "match": "^ok"}}],
        **(gate or {}),
    }
    return {
        "image": image,
        "restart": "unless-stopped",
        "ports": ["8001:8000"],
        "stop_grace_period": "1s",
        "deploy": {"update_config": policy},
        "x-fleet": {"gate": quick, **(x or {})},
        **more,
    }
