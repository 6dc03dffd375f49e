"""Role files as a release keeps them, and hosts rendered from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.config.inventory import load_inventory
from fleet.config.project import open_project
from fleet.config.sources import LARGEST, render_added, role_sources
from fleet.errors import ConfigError, ConfigErrors
from fleet.model.desired import HostState

HOSTS = "all: {children: {web: {hosts: {web-1: {}, web-2: {level: debug}}}}}\n"
COMPOSE = """\
services:
  app:
    image: shop:{{ version }}
    env_file: [common.env, "./{{ env }}.env", {path: extra, required: false}]
    environment: {LEVEL: "{{ level }}"}
    volumes: ["/srv/app:/etc/app:ro"]
    x-fleet:
      config:
        - directory: /srv/app
          files: {app.ini: {template: sub/app.ini.j2}}
secrets:
  key: {file: ./key.env}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "inventories/test/hosts.yml": HOSTS,
        "roles/web/compose.yml": COMPOSE,
        "roles/web/defaults.yml": "level: info\n",
        "roles/web/templates/sub/app.ini.j2": "host={{ inventory_hostname }}\n",
        "roles/web/common.env": "COMMON=1\n",
        "roles/web/test.env": "TEST=1\n",
        "roles/web/key.env": "a private key",
        "roles/web/extra.txt": "no environment file",
        "roles/web/tests/test_web.py": "",
        "roles/other/compose.yml": "services: {}\n",
    }.items():
        write(tmp_path, name, text)
    write(tmp_path, "roles/web/templates/huge", "x" * (LARGEST + 1))
    (tmp_path / "roles/web/templates/binary").write_bytes(b"\xff\xfe")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def rendered(root: Path, sources: dict[str, str], hosts: list[str]) -> tuple[HostState, ...]:
    inventory = load_inventory(root, "test")
    chosen = [inventory.hosts[name] for name in hosts]
    return render_added(sources, open_project(root, inventory), inventory, chosen, "v41", 5)


def test_what_rendering_reads_and_no_secret(root: Path) -> None:
    assert set(role_sources(root, ["web"])) == {
        "web/compose.yml",
        "web/defaults.yml",
        "web/templates/sub/app.ini.j2",
        "web/common.env",
        "web/test.env",
    }


def test_a_secret_file_that_an_inventory_names_is_not_kept_either(root: Path) -> None:
    write(root, "inventories/production/group_vars/all.yml", "a: !secret file:roles/web/common.env\n")
    assert "web/common.env" not in role_sources(root, ["web"])


def test_a_host_is_rendered_from_the_files_of_then(root: Path) -> None:
    sources = role_sources(root, ["web"])
    before = rendered(root, sources, ["web-1", "web-2"])
    for path in (root / "roles/web").glob("*.*"):
        path.unlink()
    write(root, "roles/web/compose.yml", "no role any more")
    (state,) = rendered(root, sources, ["web-2"])
    assert state == before[1]
    (app,) = state.services
    assert app.container.image == "shop:v41"
    assert dict(app.container.environment) == {"COMMON": "1", "TEST": "1", "LEVEL": "debug"}
    assert app.configs[0].files[0].content == "host=web-2\n"


def test_a_mistake_is_placed_in_the_files_of_the_release(root: Path) -> None:
    sources = {"web/compose.yml": "services:\n  app:\n    imgae: x\n"}
    with pytest.raises(ConfigErrors) as caught:
        rendered(root, sources, ["web-1"])
    assert {str(error.at) for error in caught.value.errors} >= {"release 5: roles/web/compose.yml:3:5"}
    assert "/tmp" not in str(caught.value)


@pytest.mark.parametrize("name", ["../x/compose.yml", "/etc/passwd", "web/../../x", "compose.yml", "web/\0"])
def test_a_record_writes_nowhere_else(root: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="not below a role"):
        rendered(root, {name: "text"}, ["web-1"])
