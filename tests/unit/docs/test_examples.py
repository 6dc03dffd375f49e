"""Every file that a page shows is loaded, by what loads it in a project."""

from __future__ import annotations

import pathlib

import pytest

from fleet.config.inventory import load_inventory
from fleet.config.notify import notifiers
from fleet.config.project import load_desired, open_project
from fleet.config.settings import parallel, registries
from fleet.errors import ConfigErrors
from fleet.model.desired import Desired
from tests.unit.docs.pages import PAGES, ROOT, Block, blocks, sections, text

# Their examples are loaded by the tests of the loaders, which also look at what comes out.
ELSEWHERE = {"inventory.md", "compose.md", "x-fleet.md", "secrets.md"}
HOSTS = Block("yaml", "inventories/test/hosts.yml", "web: {hosts: {'web-[1:3]': }}\n")


def _is_file(block: Block) -> bool:
    """Of Fleet: files of other tools are another kind of block, and a template counts by its name."""
    return block.kind == "yaml" or (block.kind == "jinja" and bool(block.name))


EXAMPLES = [
    pytest.param(found, id=f"{page.name}:{part.partition(chr(10))[0]}")
    for page in PAGES
    if page.name not in ELSEWHERE
    for part in sections(page)
    if (found := [block for block in blocks(part) if _is_file(block) or block.name == "error"])
]


def load(root: pathlib.Path, env: str) -> Desired:
    inventory = load_inventory(root, env)
    hosts = list(inventory.hosts.values())
    registries(hosts)
    parallel(hosts)
    notifiers(hosts, root)
    return load_desired(open_project(root, inventory), inventory, hosts, "v1")


def projects(found: list[Block]) -> list[dict[str, str]]:
    """A file that is shown a second time begins another project."""
    made: list[dict[str, str]] = [{}]
    for block in found:
        if block.name in made[-1]:
            made.append({})
        made[-1][block.name] = block.body
    return made


@pytest.mark.parametrize("found", EXAMPLES)
def test_every_example_loads(found: list[Block], tmp_path: pathlib.Path) -> None:
    assert all("/" in block.name or block.name == "error" for block in found), "an example names its file"
    for number, files in enumerate(projects(found)):
        root = tmp_path / f"project{number}"
        expected = files.pop("error", None)
        if not any(name.endswith("/hosts.yml") for name in files):
            files[HOSTS.name] = HOSTS.body
        for name, body in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(body)
        env = next(name.split("/")[1] for name in files if name.endswith("/hosts.yml"))
        if expected is not None:
            with pytest.raises(ConfigErrors) as caught:
                load(root, env)
            assert f"{caught.value}\n" == expected
            continue
        desired = load(root, env)
        shown = {name.split("/")[1] for name in files if name.startswith("roles/")}
        assert shown <= {role.name for role in desired.roles if role.hosts and role.services}


def test_there_are_examples_of_the_main_pages() -> None:
    names = {param.id.partition(":")[0] for param in EXAMPLES}
    assert {"README.md", "rolling.md", "variables.md", "errors.md", "tour.md"} <= names
    assert {"from-kamal.md", "from-ansible.md", "from-compose.md"} <= names
    assert sum(block.kind == "yaml" for block in blocks(text(ROOT / "docs" / "rolling.md"))) >= 5


def test_the_pages_that_are_tested_elsewhere_exist() -> None:
    assert {page.name for page in PAGES} >= ELSEWHERE


@pytest.mark.parametrize("env", ["rehearsal", "staging", "production"])
def test_the_inventories_of_this_project_load(env: str) -> None:
    assert {role.name for role in load(ROOT, env).roles} >= {"web", "worker", "database", "loadbalancer"}
