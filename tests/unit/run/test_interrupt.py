"""^C once, ^C twice, and what else ends a process politely."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from fleet.run.interrupt import Interrupt, on_signals

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_asks_and_the_second_kills(number: signal.Signals) -> None:
    interrupt, said = Interrupt(), []
    with on_signals(interrupt, said.append):
        os.kill(os.getpid(), number)
        assert (interrupt.asked.is_set(), interrupt.now.is_set()) == (True, False)
        os.kill(os.getpid(), number)
        assert interrupt.now.is_set()
        os.kill(os.getpid(), number)
    assert sorted(said)[0].startswith("interrupted: running steps are finished")
    assert sorted(said)[-1] == "second interrupt: killing the remote commands"
    assert len(said) == 3


def test_what_the_signals_did_before_they_do_again() -> None:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    during = {}

    def fail() -> None:
        with on_signals(Interrupt(), lambda text: None):
            during.update({number: signal.getsignal(number) for number in SIGNALS})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert all(during[number] != before[number] for number in SIGNALS)
    assert {number: signal.getsignal(number) for number in SIGNALS} == before


def test_a_signal_while_a_report_is_being_written_waits_for_its_end() -> None:
    lock, said = threading.Lock(), []

    def say(text: str) -> None:
        if lock.acquire(timeout=5):
            said.append(text)
            lock.release()

    with on_signals(Interrupt(), say), lock:
        os.kill(os.getpid(), signal.SIGINT)
        assert said == []
    assert len(said) == 1


def test_what_is_forgiven_is_counted_anew_but_no_second_press() -> None:
    interrupt = Interrupt()
    interrupt.press()
    interrupt.forgive()
    assert not interrupt.asked.is_set()
    interrupt.press()
    assert (interrupt.asked.is_set(), interrupt.now.is_set()) == (True, False)
    interrupt.press()
    interrupt.forgive()
    assert (interrupt.asked.is_set(), interrupt.now.is_set()) == (True, True)
