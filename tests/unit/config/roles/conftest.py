import pathlib

import pytest

from tests.unit.config.roles.project_files import Files


@pytest.fixture
def files(tmp_path: pathlib.Path) -> Files:
    root = tmp_path / "shop"
    root.mkdir()
    return Files(root)
