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


def serve(places: Places, client: str, address: str, port: int) -> dict[str, object]:
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
            before = _start(state, address, port)
    return {"port": before, "host_key": host_key}


def server_settings(state: Path, address: str, port: int) -> str:
    return f"""\
ListenAddress {address}
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
        if _answers(last["address"], last["port"]):
            return int(last["port"])
    return None


def _start(state: Path, address: str, port: int) -> int:
    why = ""
    for _ in range(1 if port else ATTEMPTS):
        # sshd takes no port 0. Another program may be faster than sshd: then the next one.
        chosen = port or _free_port(address)
        why = _sshd(state, address, chosen)
        if not why:
            (state / "serve.json").write_text(json.dumps({"address": address, "port": chosen}))
            return chosen
    raise Failure(f"sshd does not listen at {address}", why)


def _sshd(state: Path, address: str, port: int) -> str:
    """Why it does not run; empty when it does."""
    # Where sshd's unprivileged half is locked in.
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    config, log = state / "sshd_config", state / "sshd.log"
    config.write_text(server_settings(state, address, port))
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
        if _answers(address, port):
            return ""
        time.sleep(0.02)
    if process.poll() is None:
        process.kill()
        process.wait()
    return last_lines(log.read_text(errors="replace")) or f"it ended with status {process.returncode}"


def _free_port(address: str) -> int:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise Failure(f"sshd does not listen at {address}", str(error)) from error
        return int(probe.getsockname()[1])


def _answers(address: str, port: int) -> bool:
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - asked, not bound
    with contextlib.suppress(OSError), socket.create_connection((near, port), timeout=2) as probe:
        return probe.recv(4) == b"SSH-"
    return False
