"""Compose's own ``configs``: a file each, in a directory of its own on the host."""

# ruff: noqa: E501 (tables: one case a line)

import pytest

from fleet.config.sources import role_sources
from fleet.config.trust import asked_for
from fleet.model.services import ConfigDir, ConfigFile, Mount
from fleet.secret import Hole, SealedText, SecretRef
from tests.unit.config.roles.project_files import Files
from tests.unit.config.roles.test_services import app

REST = """\
configs:
  text: {content: "level = ${level:-info}\\n"}
  file: {file: ./conf/app.conf}
  variable: {environment: APP_CONF}
  sealed: {content: "{{ pw }}"}
  none: {}
  two: {content: a, file: b}
  missing: {file: conf/app.cnf}
"""
HOME = "/var/lib/fleet/configs/shop/test/web/app"


@pytest.fixture(autouse=True)
def _password(files: Files) -> None:
    files.write("roles/web/defaults.yml", "pw: !secret env:X\n")


def test_three_sources(files: Files) -> None:
    files.write("roles/web/conf/app.conf", "untouched ${x} {{ y }}\n")
    body = "configs: [text, {source: file, target: /etc/app.conf, uid: '5', gid: 6, mode: 0440}, {source: variable, target: etc/v}]\n"
    found = files.service(app(body, REST))
    sealed = SealedText((Hole(SecretRef("env", "APP_CONF")),))
    assert found.configs == (
        ConfigDir(f"{HOME}/text", "/text", (ConfigFile("content", "level = info\n", "0444"),)),
        ConfigDir(
            f"{HOME}/file",
            "/etc/app.conf",
            (ConfigFile("content", "untouched ${x} {{ y }}\n", "0440"),),
            5,
            6,
        ),
        ConfigDir(f"{HOME}/variable", "/etc/v", (ConfigFile("content", sealed, "0444"),)),
    )
    assert found.container.mounts == (
        Mount("bind", "/etc/app.conf", f"{HOME}/file/content", read_only=True, create_host_path=False),
        Mount("bind", "/etc/v", f"{HOME}/variable/content", read_only=True, create_host_path=False),
        Mount("bind", "/text", f"{HOME}/text/content", read_only=True, create_host_path=False),
    )
    assert "web/conf/app.conf" in role_sources(files.root, ["web"])
    assert SecretRef("env", "APP_CONF") in asked_for(files.root)


def test_one_config_at_two_places_is_one_file(files: Files) -> None:
    files.write("inventories/test/group_vars/all.yml", "fleet_state_dir: /srv/fleet/\n")
    found = files.service(app("configs: [text, {source: text, target: /b}]\n", REST))
    assert [config.directory for config in found.configs] == ["/srv/fleet/configs/shop/test/web/app/text"]
    assert [mount.target for mount in found.container.mounts] == ["/b", "/text"]


def test_a_secret_that_others_cannot_read(files: Files) -> None:
    found = files.service(app("configs: [{source: sealed, mode: 0400}]\n", REST))
    assert found.configs[0].files[0].mode == "0400"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("configs: [txt]", "4:15: there is no config 'txt', did you mean 'text'?"),
        ("configs: [text, text]", "4:21: a second mount at '/text'"),
        ("configs: [text, {source: text, target: /b, uid: 1}]", "4:21: config 'text' has another owner or mode above"),
        ("configs: [sealed]", "4:15: config 'sealed' holds a secret and mode 0444 lets everybody read it"),
        ("configs: [none]", "10:3: config 'none' needs exactly one source"),
        ("configs: [two]", "11:3: config 'two' needs exactly one source"),
        ("configs: [missing]", "12:19: there is no file 'conf/app.cnf'"),
        ("configs: [{source: text, target: /etc/}]", "4:38: target: '/etc/' is not the path of a file in the container"),
        ("configs: [{source: text, target: ../x}]", "4:38: target: '../x' is not the path of a file in the container"),
    ],
)  # fmt: skip
def test_mistakes(files: Files, body: str, expected: str) -> None:
    assert files.errors(app(body, REST)) == [expected]
