"""The target's own sshd: one client, one command, one volume. The host's sshd has no part in it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import socket
import subprocess
import time
from pathlib import Path

from .keys import checked, pair
from .link import ALIVE_EVERY, ALIVE_TIMES
from .places import Places
from .words import Failure, last_lines

RECEIVE = "/usr/local/bin/volume receive"
PATIENCE = 10.0
ATTEMPTS = 5
ADDRESS = "0.0.0.0"  # noqa: S104 - one key is let in


def serve(places: Places, client: str) -> dict[str, object]:
    """Where it listens and who it is. Another call answers the same; with another client, only that one
    is let in from then on: the source has been started anew."""
    state = places.state
    authorized = state / "authorized_keys.new"
    authorized.write_text(f"restrict {checked(client)}\n")
    authorized.chmod(0o600)
    authorized.replace(state / "authorized_keys")
    with (state / "serve.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        host_key = pair(state / "host_key")
        before = _running(state)
        if before is None:
            before = _start(state)
    return {"port": before, "host_key": host_key}


def server_settings(state: Path, port: int) -> str:
    return f"""\
ListenAddress {ADDRESS}
Port {port}
HostKey {state}/host_key
AuthorizedKeysFile {state}/authorized_keys
PidFile {state}/sshd.pid
AllowUsers root
PermitRootLogin prohibit-password
AuthenticationMethods publickey
PubkeyAcceptedAlgorithms ssh-ed25519
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
ForceCommand {RECEIVE}
DisableForwarding yes
PermitTTY no
PermitUserRC no
PermitUserEnvironment no
Ciphers aes128-gcm@openssh.com
Compression no
ClientAliveInterval {ALIVE_EVERY}
ClientAliveCountMax {ALIVE_TIMES}
LoginGraceTime 20
UseDNS no
PrintMotd no
LogLevel ERROR
"""


def _running(state: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, KeyError):
        last = json.loads((state / "serve.json").read_text())
        if _answers(last["port"]):
            return int(last["port"])
    return None


def _start(state: Path) -> int:
    why = ""
    for _ in range(ATTEMPTS):
        # sshd takes no port 0. Another program may be faster than sshd: then the next one.
        port = _free_port()
        why = _sshd(state, port)
        if not why:
            (state / "serve.json").write_text(json.dumps({"port": port}))
            return port
    raise Failure("sshd does not listen", why)


def _sshd(state: Path, port: int) -> str:
    """Why it does not run; empty when it does."""
    # Where sshd's unprivileged half is locked in.
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    config, log = state / "sshd_config", state / "sshd.log"
    config.write_text(server_settings(state, port))
    log.write_text("")
    process = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-f", str(config), "-E", str(log)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(port):
            return ""
        time.sleep(0.02)
    if process.poll() is None:
        process.kill()
        process.wait()
    return last_lines(log.read_text(errors="replace")) or f"it ended with status {process.returncode}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as probe:
        return probe.recv(4) == b"SSH-"
    return False
