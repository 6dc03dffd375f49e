"""Configuration files of a service on real hosts: reload, validation, the way back, edits by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fleet.rehearsal import Host
from tests.support.look import answer, containers, ids, only_version
from tests.support.project import Project
from tests.support.waiting import until

Web = Callable[[int], Host]
FILE = "/srv/app/app.conf"


@pytest.fixture
def project(project: Project) -> Project:
    project.inventory({"web": ["web-1"]}, level="info")
    project.write("roles/web/templates/app.conf.j2", "level = {{ level }}\n")
    configured(project, reload={"signal": "SIGHUP"})
    return project


def configured(project: Project, **more: Any) -> None:
    config = {
        "directory": "/srv/app",
        "files": {"app.conf": "app.conf.j2"},
        "validate": "/app check /etc/app/app.conf",
        **more,
    }
    project.role(volumes=["/srv/app:/etc/app:ro"], x={"config": [config]}, gate={"deadline": "6s"})


def test_a_changed_file_is_reloaded_in_the_same_container(project: Project, web: Web) -> None:
    project.deploy("v1").ended(0)
    before = ids(web(1))
    assert web(1).run(f"cat {FILE}") == "level = info\n"
    project.inventory({"web": ["web-1"]}, level="debug")
    project.deploy("v1", "--diff").ended(0).says("-level = info", "+level = debug", "reload")
    assert ids(web(1)) == before
    name = f"{project.name}-test-web-app-1"
    until(lambda: "reloaded: level = debug" in web(1).run(f"docker logs {name}"), "the application reloads")
    project.deploy("v1").ended(0).says("Nothing to do")


def test_a_bad_file_is_refused_by_its_validator_and_the_old_one_is_untouched(
    project: Project, web: Web
) -> None:
    project.deploy("v1").ended(0)
    before = ids(web(1)), web(1).run("ls -lAi --time-style=full-iso /srv/app")
    project.inventory({"web": ["web-1"]}, level="loud")
    refused = project.deploy("v1")
    assert refused.code in {1, 3}
    refused.says(
        "the new files were refused; the old ones are untouched",
        "/etc/app/app.conf: no such level: level = loud",
        "correct the template",
    )
    assert (ids(web(1)), web(1).run("ls -lAi --time-style=full-iso /srv/app")) == before
    assert answer(web(1)) == "ok v1"


def test_without_a_reload_a_changed_file_replaces_the_container(project: Project, web: Web) -> None:
    configured(project)
    project.deploy("v1").ended(0)
    before = ids(web(1))
    project.inventory({"web": ["web-1"]}, level="debug")
    project.deploy("v1").ended(0).says("replace web.app (its configuration")
    assert ids(web(1)) != before


def test_the_way_back_brings_the_files_back_too(project: Project, web: Web) -> None:
    configured(project)
    project.deploy("v1").ended(0)
    project.inventory({"web": ["web-1"]}, level="debug")
    project.deploy("sick").ended(3).says("rolled back")
    assert web(1).run(f"cat {FILE}") == "level = info\n"
    assert only_version(web(1)) == "v1"
    assert answer(web(1)) == "ok v1"
    project.inventory({"web": ["web-1"]}, level="info")
    project.deploy("v1").ended(0).says("Nothing to do")


def test_a_file_edited_by_hand_is_shown_and_put_right(project: Project, web: Web) -> None:
    project.deploy("v1").ended(0)
    web(1).run(f"echo 'level = trace' > {FILE}")
    project.plan("v1", "--diff").ended(2).says("-level = trace", "+level = info")
    project.deploy("v1").ended(0)
    assert web(1).run(f"cat {FILE}") == "level = info\n"


def test_a_file_that_was_there_before_fleet_is_kept_beside(project: Project, web: Web) -> None:
    web(1).run(f"mkdir -p /srv/app; echo 'level = mine' > {FILE}; echo hello > /srv/app/notes")
    project.deploy("v1").ended(0).says("test is at v1")
    assert web(1).run("cat /srv/app/app.conf.before-fleet /srv/app/notes") == "level = mine\nhello\n"
    assert containers(web(1))


def test_a_reload_that_fails_brings_the_old_files_back(project: Project, web: Web) -> None:
    configured(project, reload={"command": ["/bin/sh", "-c", "echo cannot take this up >&2; exit 1"]})
    project.deploy("v1").ended(0)
    before = ids(web(1))
    project.inventory({"web": ["web-1"]}, level="debug")
    failed = project.deploy("v1")
    assert failed.code in {1, 3}
    failed.says("cannot take this up", "the reload failed; the old files are back")
    assert web(1).run(f"cat {FILE}") == "level = info\n"
    assert ids(web(1)) == before


def test_a_full_disk_leaves_the_old_file_as_it_is(project: Project, web: Web) -> None:
    project.inventory({"web": ["web-3"]}, level="info")
    project.deploy("v1").ended(0)
    before = ids(web(3))
    project.inventory({"web": ["web-3"]}, level="debug")
    web(3).run("cat /dev/zero >/srv/full 2>/dev/null; true")
    try:
        failed = project.deploy("v1")
    finally:
        web(3).run("rm -f /srv/full")
    assert failed.code in {1, 3}
    failed.says("the disk is full", "make room")
    assert web(3).run(f"cat {FILE}") == "level = info\n"
    assert ids(web(3)) == before
    project.deploy("v1").ended(0)
    assert web(3).run(f"cat {FILE}") == "level = debug\n"
