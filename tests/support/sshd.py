"""A real sshd of our own on the loopback interface, with its own keys and port, gone after the test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from fleet.transport.endpoint import Endpoint

SSHD = "/usr/sbin/sshd"


def ensure_sshd() -> None:
    """Install Debian's openssh-server where it is missing, as root; its own service stays off."""
    if not Path(SSHD).exists():
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for words in (
            ["apt-get", "-q", "update"],
            ["apt-get", "-q", "install", "-y", "--no-install-recommends", "openssh-server", "openssh-client"],
        ):
            subprocess.run(words, check=True, env=environment, capture_output=True, timeout=500)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> str:
    """Makes the pair and answers the public line."""
    words = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path)]
    subprocess.run(words, check=True, capture_output=True)
    return path.with_name(path.name + ".pub").read_text()


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Sshd:
    """``extra`` are further lines of ``sshd_config``, ``environment`` what sessions have besides HOME."""

    def __init__(self, directory: Path, extra: str = "", environment: str = "") -> None:
        ensure_sshd()
        directory.mkdir(parents=True)
        self.directory = directory
        self.port = free_port()
        self.host_key = keygen(directory / "host_key")
        self.client_key = directory / "client_key"
        (directory / "authorized_keys").write_text(keygen(self.client_key))
        self.known_hosts = directory / "known_hosts"
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {self.host_key}")
        config = directory / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {directory}/host_key\n"
            f"AuthorizedKeysFile {directory}/authorized_keys\nStrictModes no\nUsePAM no\n"
            f"PasswordAuthentication no\nPidFile none\nSetEnv HOME={directory} {environment}\n{extra}\n"
        )
        self.log = directory / "log"
        self._process = subprocess.Popen([SSHD, "-D", "-f", str(config), "-E", str(self.log)])
        deadline = time.monotonic() + 10
        while not self._greets():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def endpoint(self, **changes: object) -> Endpoint:
        words: dict[str, object] = {
            "name": "loop",
            "address": "127.0.0.1",
            "port": self.port,
            "user": "root",
            "key_file": str(self.client_key),
        }
        return Endpoint(**{**words, **changes})  # type: ignore[arg-type]

    def sessions(self) -> list[int]:
        """Processes of our sshd that serve a connection."""
        return children(self._process.pid)

    def stop(self) -> None:
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as sock:
                return sock.recv(4) == b"SSH-"
        except OSError:
            return False
