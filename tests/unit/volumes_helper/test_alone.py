from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from volume import alone as module
from volume.alone import alone
from volume.words import Failure

HOLDER = """
import signal, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from volume.alone import alone
if sys.argv[3] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with alone(Path(sys.argv[2])):
    print("in", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(("manner", "end"), [("polite", -signal.SIGTERM), ("deaf", -signal.SIGKILL)])
def test_the_one_before_is_ended(
    tmp_path: Path, manner: str, end: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 3.0 if manner == "polite" else 0.2)
    program = str(Path(module.__file__).parents[1])
    words = [sys.executable, "-c", HOLDER, program, str(tmp_path / "lock"), manner]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"in\n"
        with alone(tmp_path / "lock"):
            assert (tmp_path / "lock").read_text() == str(os.getpid())
        assert holder.wait() == end


def test_one_that_does_not_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Failure, match="another transfer"), alone(tmp_path / "lock"):
            pass


def test_one_after_the_other(tmp_path: Path) -> None:
    for _ in range(2):
        with alone(tmp_path / "lock"):
            pass
