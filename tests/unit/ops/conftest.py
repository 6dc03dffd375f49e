from pathlib import Path

import pytest

from tests.support.shells import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
