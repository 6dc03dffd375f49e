"""The container's first process: it keeps the container, reaps what others left, and ends by itself."""

from __future__ import annotations

import os
import signal
import time

from .words import say


def hold(seconds: float) -> None:
    """Until TERM, or until ``seconds`` are over: nothing is left on a host for ever."""
    signals = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    say("progress", {"seconds": seconds})
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        got = signal.sigtimedwait(signals, left)
        if got and got.si_signo != signal.SIGCHLD:
            break
        _reap()
    say("result", {})


def _reap() -> None:
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
