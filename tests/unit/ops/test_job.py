"""The container of a job: its service's, and reached by nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.model import labels
from fleet.model.jobs import Job, down_digest, job_digest
from fleet.model.services import Healthcheck, Mount, NetworkAttachment, PortPair, Service
from fleet.ops import effects as fx
from fleet.ops.containers import Recipe
from fleet.ops.job import RunJob, one_off
from fleet.secret import Hole, SealedText, SecretRef
from fleet.transport.fake_engine import check_body
from tests.support.build import migration, pinned, service

IMAGE = pinned(service().container.image)
PASSWORD = SealedText((Hole(SecretRef("env", "DB_PASSWORD")),))


def whole() -> Service:
    """A service with all that its job takes over or leaves behind."""
    one = service(port_pair=(PortPair(8000, 8001, 9001),))
    spec = replace(
        one.container,
        environment=(("PASSWORD", PASSWORD),),
        networks=(
            NetworkAttachment("shop_front", ("app",), "10.0.0.5", mac_address="02:42:ac:11:00:02"),
            NetworkAttachment("shop_back", ("api",)),
        ),
        mounts=(Mount("bind", "/run/secrets", "/run/fleet/shop/test/web/app", read_only=True),),
        user="1000",
        working_dir="/srv",
        labels=(("traefik.enable", "true"),),
        healthcheck=Healthcheck(("CMD", "shop", "ping")),
        restart="always",
        entrypoint=("tini", "--"),
        command=("serve",),
        tty=True,
        expose=("8000/tcp",),
    )  # fmt: skip
    return replace(one, container=spec)


def creation(job: Job, undo: bool = False) -> fx.CreateContainer:
    made = one_off("shop", "test", job, whole(), job.down if undo else job.command or ())
    op = RunJob(job, Recipe("shop", "test", "v1", made, IMAGE, "d1", job=job.name), "d1", undo=undo)
    (found,) = (one.call for one in op.begin() if isinstance(one.call, fx.CreateContainer))  # type: ignore[union-attr]
    return found


def test_it_has_what_its_service_has() -> None:
    made = creation(migration())
    body, host = made.body, made.body["HostConfig"]
    assert made.name == "shop-test-web-app-job-migrate"
    assert (body["Image"], body["User"], body["WorkingDir"]) == (IMAGE, "1000", "/srv")
    assert body["Env"] == ["PASSWORD=" + PASSWORD]
    assert (body["Entrypoint"], body["Cmd"]) == (["tini", "--"], ["./manage.py", "migrate"])
    assert host["Binds"] == ["/run/fleet/shop/test/web/app:/run/secrets:ro"]
    check_body({**body, "Env": []})


def test_nothing_finds_it() -> None:
    made = creation(migration())
    body, host = made.body, made.body["HostConfig"]
    assert (body["ExposedPorts"], host["PortBindings"]) == ({}, {})
    assert host["RestartPolicy"]["Name"] == "no"
    assert body["Healthcheck"]["Test"] == ["NONE"]
    assert body["Tty"] is False
    alone = {"Aliases": [made.name]}
    assert body["NetworkingConfig"] == {"EndpointsConfig": {"shop_front": alone}}
    assert made.networks == {"shop_back": alone}
    assert "MacAddress" not in body
    assert {key for key in body["Labels"] if not key.startswith("fleet.")} == set()


def test_it_bears_the_marks_of_ownership_and_its_own() -> None:
    marks = creation(migration()).body["Labels"]
    assert (marks[labels.JOB], marks[labels.SPEC], marks[labels.SERVICE]) == ("migrate", "d1", "app")
    assert (marks[labels.PROJECT], marks[labels.ENV], marks[labels.ROLE]) == ("shop", "test", "web")
    assert "DB_PASSWORD" in marks[labels.DEFINITION]


@pytest.mark.parametrize(("entrypoint", "expected"), [(None, ["tini", "--"]), ((), []), (("sh",), ["sh"])])
def test_its_entrypoint_or_that_of_its_service(
    entrypoint: tuple[str, ...] | None, expected: list[str]
) -> None:
    assert creation(migration(entrypoint=entrypoint)).body["Entrypoint"] == expected


def test_undoing_runs_the_other_command() -> None:
    assert creation(migration(), undo=True).body["Cmd"] == ["./manage.py", "migrate", "zero"]


def test_the_digest_is_of_image_and_command() -> None:
    base = job_digest(migration(), IMAGE)
    assert job_digest(migration(timeout=1, down=(), at="after"), IMAGE) == base
    assert job_digest(migration(), f"mirror.example/app@{IMAGE.partition('@')[2]}") == base
    others = [
        job_digest(migration(command=("x",)), IMAGE),
        job_digest(migration(entrypoint=()), IMAGE),
        job_digest(migration(), pinned("app:v2")),
        down_digest(migration(), IMAGE),
        down_digest(migration(down=("./manage.py", "migrate")), IMAGE),
    ]
    assert len({base, *others}) == len(others) + 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "run job web.migrate: ./manage.py migrate"),
        ({"undo": True}, "undo job web.migrate: ./manage.py migrate"),
        ({"found": "c1"}, "wait for job web.migrate, which an interrupted run began"),
    ],
)
def test_its_line(fields: dict[str, object], expected: str) -> None:
    made = one_off("shop", "test", migration(), whole(), ("./manage.py", "migrate"))
    op = RunJob(migration(), Recipe("shop", "test", "v1", made, IMAGE, "d1"), "d1")
    assert replace(op, **fields).describe() == expected  # type: ignore[arg-type]


def test_a_script_as_a_command_is_one_line() -> None:
    made = one_off("shop", "test", migration(), whole(), ("sh", "-c", "one\ntwo"))
    assert "\n" not in RunJob(migration(), Recipe("s", "t", "v1", made, IMAGE, "d"), "d").describe()
