"""The Docker Engine under a rehearsal: one that already answers, else a private one of our own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException

from fleet.errors import FleetError

Say = Callable[[str], None]

STATE = Path("/var/lib/fleet-rehearsal")
RUN = Path("/run/fleet-rehearsal")
SOCKET = RUN / "docker.sock"
PIDFILE = RUN / "dockerd.pid"
LOG = STATE / "dockerd.log"


@dataclass(frozen=True, slots=True)
class Engine:
    """A connected engine. ``ours``: started by us, so that nothing else lives on it."""

    client: docker.DockerClient
    address: str
    ours: bool


def engine(say: Say) -> Engine:
    """The engine that answers: ``DOCKER_HOST`` or the default socket, else a private one, started if need be.

    Raises FleetError where none answers and none can be started: not root, or not Debian.
    """
    if found := running():
        return found
    _install(say)
    # On a machine with an init system the package has just started the system's engine.
    deadline = time.monotonic() + (10 if Path("/run/systemd/system").exists() else 0)
    while time.monotonic() < deadline:
        if found := running():
            return found
        time.sleep(0.2)
    return _start(say)


def apt_install(say: Say, *packages: str) -> None:
    """Install Debian packages, asking nothing. Raises FleetError with apt's last lines."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise FleetError(
            f"the rehearsal needs {', '.join(packages)}",
            why="this user cannot install it" if shutil.which("apt-get") else "this is not Debian",
            hint="install it, or start a Docker Engine that this user may use, and run the command again",
        )
    say(f"installing {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (
        ["apt-get", "-q", "update"],
        ["apt-get", "-q", "install", "-y", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(
            words, env=environment, capture_output=True, text=True, check=False, timeout=540
        )
        if done.returncode:
            raise FleetError(
                f"{' '.join(words)} failed",
                why="\n".join((done.stdout + done.stderr).splitlines()[-10:]),
                hint="repair apt on this machine, then run the command again",
            )


def stop(say: Say, *, purge: bool = False) -> None:
    """Stop the private engine, if it runs, and with ``purge`` remove its images too."""
    pid = _pid()
    if pid:
        say("stopping the private Docker Engine")
        os.kill(pid, signal.SIGTERM)
        _until(lambda: _pid() is None, 60, "the private Docker Engine did not stop")
    for line in Path("/proc/self/mounts").read_text().splitlines():
        # dockerd leaves its network namespace mounted, and more after a crash.
        if (place := Path(line.split()[1])).is_relative_to(RUN) or place.is_relative_to(STATE):
            subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)
    shutil.rmtree(RUN, ignore_errors=True)
    for group in Path("/sys/fs/cgroup").glob("*/docker"):
        # Empty now, unless another engine keeps containers there.
        with contextlib.suppress(OSError):
            group.rmdir()
    if purge:
        shutil.rmtree(STATE, ignore_errors=True)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """What the engine refuses, as one message."""
    try:
        yield
    except DockerException as error:
        why = str(getattr(error, "explanation", "") or error)
        hint = f"see {LOG}; inv rehearse --down --purge begins anew"
        raise FleetError("the engine of the rehearsal refuses", why=why, hint=hint) from error


def running() -> Engine | None:
    """The engine that answers now, if any."""
    ours = f"unix://{SOCKET}"
    for address in (os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock", ours):
        with contextlib.suppress(DockerException, OSError):
            client = docker.DockerClient(base_url=address, timeout=300, max_pool_size=32)
            client.ping()
            return Engine(client, address, ours=address == ours)
    return None


def _install(say: Say) -> None:
    needed = {"dockerd": "docker.io", "iptables": "iptables"}
    if missing := [package for program, package in needed.items() if not _program(program)]:
        apt_install(say, *missing)


def _program(name: str) -> str | None:
    # sbin is not on the PATH of every root shell.
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _start(say: Say) -> Engine:
    dockerd = _program("dockerd")
    if os.geteuid() != 0 or not dockerd:
        raise FleetError(
            "no Docker Engine answers and none can be started",
            why="a private engine needs root",
            hint="start Docker, or set DOCKER_HOST, or run as root",
        )
    say(f"starting a private Docker Engine (data in {STATE}, log in {LOG})")
    for directory in (STATE, RUN):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Nothing answered: a pid file left by a crash must not keep dockerd from starting.
    PIDFILE.unlink(missing_ok=True)
    with LOG.open("ab") as log:
        # No firewall rules, forwarding or default bridge: the machine's own network stays as it was, and the
        # hosts reach each other and the controller, and nothing else.
        process = subprocess.Popen(
            [
                dockerd,
                *("--data-root", str(STATE / "data"), "--exec-root", str(RUN / "exec")),
                *("--host", f"unix://{SOCKET}", "--pidfile", str(PIDFILE)),
                *("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--bridge=none"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    _until(
        lambda: running() is not None or process.poll() is not None,
        60,
        "the private Docker Engine does not answer",
    )
    if found := running():
        return found
    raise FleetError(
        "the private Docker Engine stopped at once", why=_log_tail(), hint=f"the whole log: {LOG}"
    )


def _pid() -> int | None:
    """Of our running dockerd; a number left by a crash may belong to another program by now."""
    try:
        pid = int(PIDFILE.read_text())
        # A dockerd that this process started and that has ended is a zombie with an empty command line.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        return pid if str(SOCKET).encode() in Path(f"/proc/{pid}/cmdline").read_bytes() else None
    except (OSError, ValueError):
        return None


def _until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise FleetError(f"{what} within {seconds:.0f} s", why=_log_tail(), hint=f"the whole log: {LOG}")
        time.sleep(0.1)


def _log_tail() -> str:
    return "\n".join(LOG.read_text(errors="replace").splitlines()[-10:]) if LOG.exists() else ""
