"""The operator's terminal joined with a remote one: raw mode, window size, signals."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import termios
import tty
from collections.abc import Iterator
from types import FrameType

import paramiko

ENDING = (signal.SIGTERM, signal.SIGHUP)
ENDED = b"e"
RESIZED = b"r"


def ask_for(channel: paramiko.Channel) -> None:
    """A terminal as large as ours, and of our kind."""
    columns, rows = shutil.get_terminal_size()
    channel.get_pty(os.environ.get("TERM", "xterm"), columns, rows)


def join(channel: paramiko.Channel, keys: int, screen: int) -> bool:
    """Until the remote end closes; ``keys`` and ``screen`` are descriptors of the terminal. Every key, ^C
    among them, goes to the other end. A signal that would end us closes the channel, so that the remote shell
    is hung up: then False."""
    with _raw(keys), _signals() as signals:
        watched: list[paramiko.Channel | int] = [channel, keys, signals]
        while True:
            ready, _, _ = select.select(watched, (), ())
            if signals in ready:
                if ENDED in os.read(signals, 64):
                    channel.close()
                    return False
                columns, rows = os.get_terminal_size(screen)
                channel.resize_pty(columns, rows)
            if channel in ready:
                data = channel.recv(65536)
                if not data:
                    return True
                _write(screen, data)
            if keys in ready:
                typed = os.read(keys, 4096)
                if typed:
                    channel.sendall(typed)
                else:
                    channel.shutdown_write()
                    watched.remove(keys)


def _write(screen: int, data: bytes) -> None:
    while data:
        data = data[os.write(screen, data) :]


@contextlib.contextmanager
def _raw(keys: int) -> Iterator[None]:
    former = termios.tcgetattr(keys)
    try:
        # What was typed ahead is kept.
        tty.setraw(keys, termios.TCSADRAIN)
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, former)


@contextlib.contextmanager
def _signals() -> Iterator[int]:
    """A descriptor that tells of signals: a handler runs in the midst of anything, also while paramiko holds
    its locks."""
    reading, writing = os.pipe()

    def tell(number: int, frame: FrameType | None) -> None:
        os.write(writing, RESIZED if number == signal.SIGWINCH else ENDED)

    former = {number: signal.signal(number, tell) for number in (signal.SIGWINCH, *ENDING)}
    try:
        yield reading
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)
