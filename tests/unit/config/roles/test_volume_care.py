"""What a role says of its volumes, and everything that can be wrong with it."""

# ruff: noqa: E501 (tables: one case a line)

import pytest

from fleet.model.volume_care import NO_CARE, Inside, VolumeCare
from tests.unit.config.roles.project_files import Files

HEAD = """\
services:
  db: {image: x, volumes: ["data:/data"]}
  pool: {image: y, volumes: ["logs:/logs"]}
  cron: {image: y, volumes: ["logs:/logs"]}
volumes: {data: , logs: , shared: {external: true, name: shared}}
"""


def told(files: Files, volumes: str) -> list[str]:
    return files.errors(f"{HEAD}x-fleet:\n  volumes:\n    {volumes}\n")


def test_what_a_role_says(files: Files) -> None:
    files.compose(
        f"{HEAD}x-fleet:\n  volumes:\n"
        "    data: {snapshot: before-deploy, keep: 5, freeze: {command: lock it}, thaw: {command: [unlock, it]}}\n"
        "    logs: {dump: {service: cron, command: 'dump {{ inventory_hostname }}'}, load: {service: pool, command: load}}\n"
    )
    data, logs = files.desired().hosts[0].volumes
    assert data.care == VolumeCare(
        True, 5, freeze=Inside("db", ("lock", "it")), thaw=Inside("db", ("unlock", "it"))
    )
    assert logs.care == VolumeCare(dump=Inside("cron", ("dump", "web-1")), load=Inside("pool", ("load",)))
    assert (logs.care.before_deploy, logs.care.keep) == (False, 3)


def test_nothing_said(files: Files) -> None:
    files.compose(HEAD)
    assert {one.care for one in files.desired().hosts[0].volumes} == {NO_CARE}


@pytest.mark.parametrize(
    ("volumes", "expected"),
    [
        ("dta: {snapshot: before-deploy}", "8:5: there is no volume 'dta', did you mean 'data'?"),
        ("data: ", "8:10: data: must be a mapping, not nothing"),
        ("data: {snapshots: before-deploy}", "8:12: unknown key 'snapshots', did you mean 'snapshot'?"),
        ("data: {snapshot: after-deploy}", "8:22: snapshot: only 'before-deploy' is carried out"),
        ("data: {keep: 0}", "8:18: keep: must be at least 1"),
        ("data: {keep: many}", "8:18: keep: must be a whole number, not 'many'"),
        ("data: {freeze: {command: x}}", "8:11: data: freeze and thaw: both, or none of them"),
        ("data: {load: {command: x}}", "8:11: data: dump and load: both, or none of them"),
        ("data: {freeze: {command: x}, thaw: {command: x}, dump: {command: x}, load: {command: x}}",
         "8:11: data: freeze or dump: a dump takes care of that itself"),
        ("data: {dump: {}, load: {command: x}}", "8:12: 'command' is missing"),
        ("data: {dump: {command: x, srvice: db}, load: {command: x}}",
         "8:31: unknown key 'srvice', did you mean 'service'?"),
        ("data: {dump: {service: pol, command: x}, load: {command: x}}",
         "8:28: there is no service 'pol', did you mean 'pool'?"),
        ("data: {dump: {service: db, command: [x, !secret env:X]}, load: {command: x}}",
         "8:41: command: a secret cannot stand here: only in environment and in files"),
        ("data: {owner: postgres}", "8:19: owner: 'postgres' is no owner in numbers"),
        ("data: {owner: 999}", "8:19: owner: '999' is no owner in numbers"),
        ("logs: {dump: {command: x}, load: {service: cron, command: x}}",
         "8:12: dump: in which service? pool, cron mount it"),
    ],
)  # fmt: skip
def test_what_is_wrong(files: Files, volumes: str, expected: str) -> None:
    assert told(files, volumes) == [expected]


def test_an_owner(files: Files) -> None:
    """What the image has in that place would bring its own along."""
    care = "x-fleet: {volumes: {data: {owner: '999:0'}}}\n"
    files.compose(f"{HEAD}{care}")
    state = files.desired().hosts[0]
    assert state.volumes[0].care.owner == "999:0"
    nocopy = {one.source: one.nocopy for each in state.services for one in each.container.mounts}
    assert list(nocopy.values()) == [True, False]
    for options, wrong in (
        ("{type: none, o: bind, device: /srv/data}", False), ("{type: ext4, device: /dev/sdb}", True),
    ):  # fmt: skip
        text = HEAD.replace("data: , logs", f"data: {{driver_opts: {options}}}, logs")
        told = files.errors(f"{text}{care}") if wrong else []
        assert [one.partition(": ")[2] for one in told] == (
            ["owner: volume 'data' is none that lies in a directory, so that its owner cannot be seen"]
            if wrong else []
        )  # fmt: skip


def test_a_volume_that_no_service_mounts_has_nothing_to_freeze(files: Files) -> None:
    text = (
        "services: {db: {image: x, volumes: ['data:/data']}}\nvolumes: {data: {external: true, name: d}}\n"
        "x-fleet: {volumes: {data: {snapshot: before-deploy}}}\n"
    )
    (told,) = files.errors(text)
    assert told == "3:21: volume 'data': its data is not the host's own, so that Fleet takes no care of it"
