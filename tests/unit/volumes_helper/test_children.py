from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from volume import children
from volume.children import LastingComplaints, child, run
from volume.words import Failure


def test_what_a_program_says_when_it_fails(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        run(["sh", "-c", "echo reason >&2; exit 3"], "it failed")
    assert (caught.value.what, caught.value.why) == ("it failed", "reason")
    with pytest.raises(Failure) as caught:
        run(["sh", "-c", "exit 3"], "it failed")
    assert caught.value.why == "sh ended with status 3"


def test_a_program_does_not_outlive_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "PATIENCE", 0.2)
    with child(["sleep", "60"]) as polite:
        pass
    with child(["sh", "-c", "trap '' TERM; echo; while :; do :; done"], stdout=subprocess.PIPE) as deaf:
        assert deaf.stdout
        deaf.stdout.readline()
    assert (polite.returncode, deaf.returncode) == (-15, -9)


def test_a_program_does_not_outlive_us(tmp_path: Path) -> None:
    """A pipe ends when the last one that holds it has ended."""
    script = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[1])\n"
        "from volume.children import child\n"
        "with child(['sh', '-c', 'echo; exec sleep 60'], stdout=None):\n"
        "    sys.stdin.readline()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    words = [sys.executable, "-c", script, str(Path(children.__file__).parents[1])]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ours:
        assert ours.stdout
        assert ours.stdin
        ours.stdout.readline()
        ours.stdin.close()
        assert ours.stdout.read() == b""


def test_complaints_of_what_a_program_leaves_running_are_waited_for() -> None:
    complaints = LastingComplaints()
    script = "exec 3<&0; (read go <&3; echo late >&2) & echo early >&2"
    left, go = os.pipe()
    with complaints.lent() as stderr, child(["sh", "-c", script], stdin=left, stderr=stderr) as program:
        program.wait()
    os.close(left)
    with pytest.raises(BlockingIOError):
        fcntl.flock(complaints.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(go)
    assert complaints.text() == "early\nlate\n"
