"""The small project that is written for a beginner: it is valid as it is, and nothing is written over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleet.app.init import init
from fleet.config.inventory import load_inventory
from fleet.config.project import load_desired, open_project
from fleet.errors import FleetError, UsageError
from fleet.model.desired import Desired
from tests.unit.docs.test_commands import parse, words


def steps(root: Path) -> list[str]:
    """The lines that its README has one type."""
    block = re.search(r"^```sh\n(.*?)^```", (root / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert block
    return [line.partition("#")[0].strip() for line in block[1].splitlines()]


def desired(root: Path, version: str) -> Desired:
    inventory = load_inventory(root, "rehearsal")
    return load_desired(open_project(root, inventory), inventory, tuple(inventory.hosts.values()), version)


def test_what_is_written_is_a_valid_project(tmp_path: Path) -> None:
    written = init(tmp_path)
    assert set(written) >= {"tasks.py", ".gitignore", "invoke.yaml", "README.md", "roles/web/compose.yml"}
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == set(written)
    wish = desired(tmp_path, "v42")
    assert [(state.host, len(state.services)) for state in wish.hosts] == [
        ("web-1", 1), ("web-2", 1), ("registry-1", 0),
    ]  # fmt: skip
    files = {file.name: file.content for file in wish.hosts[0].services[0].configs[0].files}
    assert files["health"] == "ok\n"
    assert "This is v42 on web-1." in str(files["index.html"])


def test_one_version_never_gets_healthy(tmp_path: Path) -> None:
    init(tmp_path)
    files = desired(tmp_path, "v44").hosts[0].services[0].configs[0].files
    assert next(file.content for file in files if file.name == "health") == "not ok\n"


def test_every_command_of_its_readme_is_understood(tmp_path: Path) -> None:
    init(tmp_path)
    for step in steps(tmp_path):
        parse(words(step.removesuffix(" || true")))
    prose = (tmp_path / "README.md").read_text().partition("## Your own hosts")[2]
    for span in re.findall(r"`(fleet [^`]+)`", prose):
        parse(words(span))


@pytest.mark.parametrize("name", ["tasks.py", "roles", ".gitignore"])
def test_nothing_is_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match=f"there is something here already: {re.escape(name)}"):
        init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_link_into_nowhere_is_something(tmp_path: Path) -> None:
    (tmp_path / "README.md").symlink_to("/nowhere/at/all")
    with pytest.raises(UsageError, match=r"README\.md"):
        init(tmp_path)


def test_what_it_does_not_write_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert "tasks.py" in init(tmp_path)


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FleetError, match="the project cannot be written"):
        init(tmp_path / "file")
