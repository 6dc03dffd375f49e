"""The examples of docs/inventory.md do what the page says."""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from fleet.config.inventory import load_inventory, select, to_list_json
from fleet.errors import FleetError

PAGE = pathlib.Path(__file__).parents[4] / "docs" / "inventory.md"

_BLOCK = re.compile(r"^```(\w+) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| `([^`]+)` \| ([\w ]+) \|$", re.MULTILINE)


def examples() -> list[tuple[dict[str, str], dict[str, str], str]]:
    """Files, what is expected of them, and the text up to the next heading; each begins with hosts.yml."""
    found: list[tuple[dict[str, str], dict[str, str], str]] = []
    text = PAGE.read_text()
    starts = [match.start() for match in _BLOCK.finditer(text) if match[2] == "hosts.yml"]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        part = text[start:end]
        blocks = _BLOCK.findall(part)
        files = {name: body for kind, name, body in blocks if kind == "yaml"}
        expected = {name: body for kind, name, body in blocks if kind in ("json", "text")}
        found.append((files, expected, part.split("\n## ")[0]))
    return found


@pytest.mark.parametrize(("files", "expected", "text"), examples())
def test_the_example_does_what_the_page_says(project, files, expected, text):
    root = project(files)
    if "error" in expected:
        with pytest.raises(FleetError) as caught:
            load_inventory(root, "test")
        assert f"{caught.value}\n" == expected["error"]
        return
    inventory = load_inventory(root, "test")
    listed = to_list_json(inventory)["_meta"]["hostvars"]
    assert {name: listed[name] for name in expected} == {
        name: json.loads(body) for name, body in expected.items()
    }
    for pattern, hosts in _ROW.findall(text):
        picked = [host.name for host in select(inventory, pattern.replace("\\|", "|"))]
        assert picked == hosts.split(), pattern


def test_the_page_has_examples_of_every_kind():
    assert len(examples()) == 4
    assert sum(len(_ROW.findall(text)) for _, _, text in examples()) >= 13
