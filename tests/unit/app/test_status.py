"""Who runs what: rows from facts, what is not known said so, and the lines after a run."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fleet.app.deploy import deploy
from fleet.app.state import state_lines, version_of
from fleet.app.status import Row, host_rows, since, status
from fleet.errors import Exit
from fleet.model.desired import HostState
from fleet.model.found import Container, Facts, FoundDir, HostFacts, Unknown
from fleet.model.services import ConfigDir, SecretFile, Service
from tests.support.build import container, desired, host_facts, service
from tests.unit.app.conftest import Shop

NOW = datetime(2026, 2, 2, 10, 0, 0, tzinfo=UTC)
STARTED = "2026-01-31T10:00:00.123456789Z"
APP = service()
RUNNING = container(APP, started_at=STARTED)


def rows(
    *found: Container,
    wanted: tuple[Service, ...] = (APP,),
    selected: tuple[str, ...] = (),
    **facts: object,
) -> list[Row]:
    wish = replace(desired({"web-1": wanted}), selected=selected)
    seen = Facts({"web-1": host_facts("web-1", found, **facts)})
    return list(host_rows(wish, HostState("web-1", wanted), seen, NOW))


def only(*found: Container, **fields: object) -> Row:
    (row,) = rows(*found, **fields)  # type: ignore[arg-type]
    return row


def test_a_service_as_wanted() -> None:
    assert only(RUNNING) == Row("web.app", "web-1", "v1", "running", "2d", "none")


@pytest.mark.parametrize(
    ("changes", "health"),
    [
        ({"health": "healthy"}, "healthy"),
        ({"health": "starting"}, "starting"),
        ({"health": "unhealthy"}, "unhealthy"),
        ({"state": "exited", "exit_code": 137, "health": "unhealthy"}, "exited (137)"),
        ({"state": "created"}, "created (0)"),
    ],
)
def test_health(changes: dict[str, object], health: str) -> None:
    row = only(replace(RUNNING, **changes))  # type: ignore[arg-type]
    assert row.health == health
    assert row.up == ("-" if "state" in changes else "2d")


def test_missing_and_unwanted_services() -> None:
    other = container(service("old", "web"), started_at=STARTED)
    assert rows(other) == [
        Row("web.old", "web-1", "v1", "running", "2d", "not wanted"),
        Row("web.app", "web-1", "-", "absent", "-", "not deployed"),
    ]


def test_only_the_roles_asked_for() -> None:
    other = container(service("db", "db"), started_at=STARTED)
    assert [row.service for row in rows(RUNNING, other, selected=("web",))] == ["web.app"]


def test_drift_in_words() -> None:
    made = replace(
        APP,
        configs=(ConfigDir("/srv/a", "/a", ()), ConfigDir("/srv/b", "/b", ())),
        secret_dir="/run/fleet/x",
        secrets=(SecretFile("p", "x"),),
    )
    found = replace(RUNNING, altered=("restart: no → always", "cpus: 0 → 1"), restart_count=3)
    dirs = {"/srv/a": FoundDir("/srv/a", True, intact=False), "/srv/b": FoundDir("/srv/b", True)}
    row = only(found, wanted=(made,), dirs=dirs, sealed={"/run/fleet/x": {}})
    assert row.drift == (
        "restart: no → always, cpus: 0 → 1, /srv/a edited, secret files gone (after a reboot: deploy again), "
        "3 restarts"
    )
    assert only(RUNNING, wanted=(made,), sealed={"/run/fleet/x": {"p": "1"}}).drift == "none"


def test_what_could_not_be_read_is_no_absence_of_drift() -> None:
    made = replace(
        APP, configs=(ConfigDir("/srv/a", "/a", ()),), secret_dir="/run/x", secrets=(SecretFile("p", "x"),)
    )
    unread = {"dirs": Unknown("configuration files: denied"), "sealed": Unknown("secret files: denied")}
    row = only(RUNNING, wanted=(made,), **unread)
    assert row.drift == "not known: configuration files: denied, not known: secret files: denied"
    assert only(RUNNING, **unread).drift == "none", "nothing of it is wanted"


@pytest.mark.parametrize(
    "facts",
    [
        {"engine": Unknown("the Docker Engine does not run")},
        {"containers": Unknown("the Docker Engine does not run")},
    ],
)
def test_a_host_that_cannot_be_read_is_one_row(facts: dict[str, object]) -> None:
    found = replace(host_facts("web-1", [RUNNING]), **facts)  # type: ignore[arg-type]
    wish = desired({"web-1": [APP]})
    assert list(host_rows(wish, wish.hosts[0], Facts({"web-1": found}), NOW)) == [
        Row("-", "web-1", "-", "unknown", "-", "the Docker Engine does not run")
    ]


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(minutes=1), "1m"),
        (timedelta(minutes=59, seconds=59), "59m"),
        (timedelta(hours=1), "1h"),
        (timedelta(hours=23, minutes=59), "23h"),
        (timedelta(days=1), "1d"),
        (timedelta(days=400), "400d"),
        (timedelta(seconds=-5), "0s"),
    ],
)
def test_since(before: timedelta, text: str) -> None:
    started = NOW - before
    assert since(f"{started:%Y-%m-%dT%H:%M:%S}Z", NOW) == text
    assert since(f"{started:%Y-%m-%dT%H:%M:%S}.000000001Z", NOW) == text


@pytest.mark.parametrize("text", ["", "-", "yesterday"])
def test_a_start_that_is_no_time(text: str) -> None:
    assert since(text, NOW) == "-"


def facts(**hosts: HostFacts) -> Facts:
    return Facts({name.replace("_", "-"): found for name, found in hosts.items()})


def test_the_state_is_a_line_per_service_and_version() -> None:
    old = container(service(version="v0"))
    sick = replace(RUNNING, health="unhealthy")
    ended = replace(container(service("worker", "batch")), state="exited", exit_code=2)
    found = facts(
        web_1=host_facts("web-1", [RUNNING]), web_2=host_facts("web-2", [RUNNING]),
        web_3=host_facts("web-3", [RUNNING]), web_4=host_facts("web-4", [old]),
        web_5=host_facts("web-5", [sick, ended]),
    )  # fmt: skip
    assert state_lines(found, ()) == (
        "batch.worker  v1 exited (exit code 2)  web-5",
        "web.app       v0                       web-4",
        "web.app       v1                       web-[1-3]",
        "web.app       v1 unhealthy             web-5",
    )


def test_what_is_wanted_and_not_there_is_absent() -> None:
    wanted = desired({"a": [APP], "b": [APP], "c": [APP], "d": [APP]}).hosts
    unread = replace(host_facts("c"), containers=Unknown("containers: denied"))
    found = facts(a=host_facts("a", [RUNNING]), b=host_facts("b"), c=unread)
    assert state_lines(found, wanted, ["d"]) == (
        "web.app  absent    b",
        "web.app  v1        a",
        "not known, containers: denied: c",
        "not known, no answer: d",
    )


def test_hosts_of_which_nothing_is_known_come_last() -> None:
    unread = replace(host_facts("a"), containers=Unknown("containers: denied"))
    assert state_lines(facts(a=unread, b=host_facts("b", [RUNNING])), (), ["x", "y"]) == (
        "web.app  v1        b",
        "not known, containers: denied: a",
        "not known, no answer: x y",
    )
    assert state_lines(facts(), ()) == ()


@pytest.mark.parametrize(
    ("image", "version"), [("app:v7", "v7"), ("app", "latest"), ("app@sha256:" + "a" * 64, "v0")]
)
def test_the_version_is_what_the_operator_calls_it(image: str, version: str) -> None:
    made = replace(APP, container=replace(APP.container, image=image))
    assert version_of(replace(RUNNING, definition=made)) == version


def test_the_version_of_a_container_of_another_fleet() -> None:
    assert version_of(replace(RUNNING, definition=None)) == "v0"
    assert version_of(replace(RUNNING, definition=None, release="")) == "?"


def test_status_of_what_answers_and_an_error_for_what_does_not(shop: Shop) -> None:
    deploy(shop.session(yes=True), lambda question: False)
    shop.fleet.log.clear()
    shop.fleet.unreachable.add("web-2")
    assert status(shop.session("unknown")) is Exit.UNREACHABLE
    assert [row[:4] for row in shop.told.rows] == [
        ("web.app", "web-1", "v1", "running"),
        ("web.app", "web-3", "v1", "running"),
    ]
    assert shop.told.lines[0] == "test: 2 hosts, versions: v1"
    assert re.fullmatch(r"release 1 \(v1\), by \S+ \d+s ago", shop.told.lines[1])
    (error,) = shop.told.errors
    assert error.count("web-2") == 1
    assert shop.fleet.log == {}, "status asks no registry"


def test_status_for_machines(shop: Shop) -> None:
    assert status(shop.session("unknown", json=True, limit="web-1")) is Exit.OK
    assert shop.told.records == [
        {"event": "Status", "service": "web.app", "host": "web-1", "version": "-", "health": "absent",
         "up": "-", "drift": "not deployed"}
    ]  # fmt: skip
    assert shop.told.lines == shop.told.rows == []
