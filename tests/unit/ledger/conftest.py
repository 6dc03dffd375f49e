import os
from pathlib import Path

import pytest

from tests.support.ledger import LedgerHost


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LedgerHost:
    made = LedgerHost.at(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    return made
