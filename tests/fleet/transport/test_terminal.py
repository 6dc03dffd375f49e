"""An interactive shell over a real sshd: the operator's terminal and the remote one are one."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fleet.transport.test_run_contract import alive, wait_for
from tests.support.sshd import Sshd

HOSTS = """\
all:
  vars: {{ansible_host: 127.0.0.1, ansible_port: {port}, ansible_user: root, fleet_project: shop,
         ansible_ssh_private_key_file: {key}}}
  hosts: {{loop: , other: }}
"""


class Screen:
    """``fleet`` on a terminal of its own, of 80 columns and 24 rows."""

    def __init__(self, root: Path, *words: str) -> None:
        self.said = ""
        self.pid, self._master = pty.fork()
        if not self.pid:
            os.chdir(root)
            os.environ |= {"FLEET_ENV": "test", "TERM": "xterm-256color"}
            os.execv(Path(sys.executable).parent / "fleet", ["fleet", *words])
        self.resize(24, 80)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, pattern: str, seconds: float = 30) -> re.Match[str]:
        """Read on until ``pattern`` has been said since the last time."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.said)):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.said!r}"
            if select.select([self._master], [], [], 0.1)[0]:
                self.said += os.read(self._master, 65536).decode(errors="replace")
        self.said = self.said[found.end() :]
        return found

    def end(self) -> int:
        """Its exit code; what it said until then."""
        while True:
            try:
                self.said += os.read(self._master, 65536).decode(errors="replace")
            except OSError:
                return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    @property
    def is_raw(self) -> bool:
        return not termios.tcgetattr(self._master)[3] & termios.ICANON

    def close(self) -> None:
        os.close(self._master)


@pytest.fixture
def screen(tmp_path: Path, sshd: Sshd) -> Iterator[Callable[..., Screen]]:
    (tmp_path / "inventories" / "test").mkdir(parents=True)
    hosts = HOSTS.format(port=sshd.port, key=sshd.client_key)
    (tmp_path / "inventories" / "test" / "hosts.yml").write_text(hosts)
    (tmp_path / "inventories" / "test" / "known_hosts").write_text(sshd.known_hosts.read_text())
    made: list[Screen] = []

    def start(*words: str) -> Screen:
        made.append(Screen(tmp_path, *words))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_a_shell_with_window_size_and_interrupts(screen: Callable[..., Screen]) -> None:
    one = screen("ssh", "loop")
    one.until("[$#] ")
    one.type("stty size; echo $TERM\r")
    one.until("24 80\r\nxterm-256color\r\n")
    assert one.is_raw
    one.resize(30, 100)
    one.type("stty size\r")
    one.until("30 100\r\n")
    one.type("sh -c 'echo beg''un; exec sleep 300'\r")
    one.until("begun\r\n")  # so ^C does not come before there is somebody to get it
    one.type("\x03")
    one.until("[$#] ")
    one.type("exit 0\r")
    assert one.end() == 0


@pytest.mark.parametrize(("line", "code"), [("echo it is over; exit 3", 1), ("echo it is over", 0)])
def test_a_command_on_a_terminal(screen: Callable[..., Screen], line: str, code: int) -> None:
    one = screen("exec", "-t", f"[ -t 0 ] && {line}", "--limit", "loop")
    one.until("it is over\r\n")
    assert one.end() == code


def test_a_signal_hangs_the_remote_shell_up_and_leaves_the_terminal_as_it_was(
    screen: Callable[..., Screen],
) -> None:
    one = screen("exec", "-t", "echo pid $$.; sleep 300; true", "--limit", "loop")
    pid = int(one.until(r"pid (\d+)\.")[1])
    wait_for(lambda: one.is_raw)
    os.kill(one.pid, signal.SIGTERM)
    assert one.end() == 130
    assert not one.is_raw
    wait_for(lambda: not alive(pid))


def test_a_connection_that_is_lost_is_told(screen: Callable[..., Screen], sshd: Sshd) -> None:
    one = screen("exec", "-t", "echo begun; sleep 300; true", "--limit", "loop")
    one.until("begun")
    for session in sshd.sessions():
        os.kill(session, signal.SIGKILL)
    assert one.end() == 69
    assert "the connection was lost" in one.said
    assert not one.is_raw


def test_a_terminal_is_for_one_host(screen: Callable[..., Screen]) -> None:
    one = screen("exec", "-t")
    assert one.end() == 64
    assert "a terminal is for one host, not for loop other" in one.said
