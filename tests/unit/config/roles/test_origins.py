"""Where a role says that data comes from, and what it cannot mean."""

import pytest

from tests.unit.config.roles.project_files import Files

HEAD = """\
services:
  db: {image: x, volumes: ["data:/data", "/srv/new:/new"]}
  log: {image: y, volumes: ["logs:/logs", "/srv/logs:/old"]}
volumes: {data: , logs: }
"""


def told(files: Files, volumes: str) -> list[str]:
    return files.errors(f"{HEAD}x-fleet:\n  volumes:\n    {volumes}\n")


@pytest.mark.parametrize("origin", ["olddata", "shop_data", "/srv/data", "db:/data", "gone:/var/lib/data"])
def test_what_a_volume_comes_from(files: Files, origin: str) -> None:
    files.compose(f"{HEAD}x-fleet: {{volumes: {{data: {{from: '{origin}'}}}}}}\n")
    assert [(one.name.rpartition("_")[2], one.origin) for one in files.desired().hosts[0].volumes] == [
        ("data", origin),
        ("logs", ""),
    ]


def test_what_a_directory_comes_from(files: Files) -> None:
    files.compose(f"{HEAD}x-fleet: {{volumes: {{/srv/new: {{from: olddata}}}}}}\n")
    volume = files.desired().hosts[0].volumes[-1]
    assert (volume.name, volume.origin, volume.of_host) == ("/srv/new", "olddata", True)


@pytest.mark.parametrize(
    ("volumes", "expected"),
    [
        ("data: {form: x}", "7:12: unknown key 'form', did you mean 'from'?"),
        ("data: {from: data}", "7:18: from: its data cannot come from itself"),
        ("data: {from: shop-test-web_data}", "7:18: from: its data cannot come from itself"),
        ("data: {from: logs}", "7:18: from: log still mounts 'logs'"),
        ("data: {from: shop-test-web_logs}", "7:18: from: log still mounts 'shop-test-web_logs'"),
        ("data: {from: /srv/logs}", "7:18: from: log still mounts '/srv/logs'"),
        ("data: {from: /}", "7:18: from: '/' is not a directory's whole path"),
        ("data: {from: /srv/../etc}", "7:18: from: '/srv/../etc' is not a directory's whole path"),
        ("data: {from: '/srv/a,b'}", "7:18: from: '/srv/a,b' is not a directory's whole path"),
        ("data: {from: 'log:/data'}", "7:18: from: service 'log' is to mount 'data' at /data"),
        ("data: {from: a b}", "7:18: from: 'a b' is no volume, no absolute path and no SERVICE:/path"),
        ("/srv/none: {from: data2}", "7:5: no service mounts '/srv/none'"),
        ("/srv/new/: {from: data2}", "7:5: '/srv/new/' is not a directory's whole path"),
        ("/srv/new: {keep: 2}", "7:5: of a directory only where its data comes from is said, not keep"),
        ("/srv/new: {}", "7:5: of a directory only where its data comes from is said, not nothing"),
    ],
)  # fmt: skip
def test_what_is_wrong(files: Files, volumes: str, expected: str) -> None:
    assert told(files, volumes) == [expected]
