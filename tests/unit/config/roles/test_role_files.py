"""What stands where a role has its files, and is none: nothing of a role is passed over without a word."""

from __future__ import annotations

import pytest

from tests.unit.config.roles.project_files import Files
from tests.unit.config.roles.test_services import app


@pytest.mark.parametrize("name", ["compose.yml", "defaults.yml", "tasks.yml", "handlers.yml"])
def test_a_directory_or_a_link_without_end_in_place_of_a_file(files: Files, name: str) -> None:
    files.compose(app("init: true"))
    place = files.root / "roles" / "web" / name
    place.unlink(missing_ok=True)
    place.mkdir()
    expected = [f"{f'roles/web/{name}:1:1'.removeprefix('roles/web/compose.yml:')}: cannot read the file"]
    assert files.errors() == expected
    place.rmdir()
    place.symlink_to(name)
    assert files.errors() == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("a" * 5000, "there is no"), ("a\\0b", "a NUL cannot stand here")]
)
def test_names_that_no_file_can_have(files: Files, name: str, expected: str) -> None:
    files.compose(f'include: ["{name}"]\nservices: {{}}\n')
    (error,) = files.errors()
    assert error.startswith("1:11: there is no file")
    files.compose(app(f'env_file: "{name}"'))
    (error,) = files.errors()
    assert error.startswith("4:15: ")
    assert expected in error
    files.compose(app("init: true"))
    for key in ("template", "copy"):
        files.write("roles/web/tasks.yml", f'- {key}: {{src: "{name}", dest: /a}}\n')
        (error,) = files.errors()
        assert expected in error


def test_the_place_of_a_byte_that_is_not_utf8(files: Files) -> None:
    files.compose(app("env_file: a.env"))
    (files.root / "roles" / "web" / "a.env").write_bytes(b"A=b\nC=\xff\n")
    assert files.errors() == ["roles/web/a.env:2:3: not UTF-8: byte 0xff"]


def test_a_role_whose_name_no_container_can_have(files: Files) -> None:
    files.write("inventories/test/hosts.yml", "all: {children: {w b: {hosts: {web-1: }}}}\n")
    files.compose(app("init: true"), role="w b")
    assert files.errors() == ["roles/w b:1:1: 'w b' cannot be the name of a role"]
