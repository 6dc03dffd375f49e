"""Secrets reach the containers and no other place: every sink is searched for their values."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from fleet.rehearsal import Host
from tests.support.look import containers, ids
from tests.support.project import ENV, Project

Web = Callable[[int], Host]
PASSWORD = "pa55-'quoted' $HOME \"value\""
KEY = "k3y-in-a-file-77"
LOGIN = "r3gistry-login-99"
VALUES = (PASSWORD, KEY, LOGIN)
REFERENCES = """
db_password: !secret env:DB_PASSWORD
api_key: !secret file:secrets/api-key
fleet_registries: {"REGISTRY": {username: fleet, password: !secret env:REGISTRY_PASSWORD}}
"""


@pytest.fixture
def project(project: Project) -> Project:
    project.inventory({"web": ["web-1"]})
    project.write(
        f"inventories/{ENV}/group_vars/all.yml", REFERENCES.replace('REGISTRY"', project.registry + '"')
    )
    project.write("secrets/api-key", KEY + "\n").chmod(0o600)
    project.write("roles/web/templates/app.conf.j2", "key = {{ api_key }}\n")
    project.environ |= {"DB_PASSWORD": PASSWORD, "REGISTRY_PASSWORD": LOGIN}
    secret_role(project)
    return project


def secret_role(project: Project) -> None:
    files = {"other.conf": {"template": "app.conf.j2", "mode": "0600"}}
    project.role(
        environment={"DATABASE_URL": "postgresql://shop:{{ db_password }}@db/shop"},
        secrets=["api_key"],
        volumes=["/srv/app:/etc/app:ro"],
        x={"config": [{"directory": "/srv/app", "files": files}]},
        gate={"deadline": "6s"},
    )
    path = project.root / "roles/web/compose.yml"
    path.write_text(path.read_text() + 'secrets:\n  api_key: {x-fleet: {value: "{{ api_key }}"}}\n')


LOOK = r"""
until (-e "/tmp/enough") {
    for (glob "/proc/[0-9]*/cmdline") {
        open my $file, "<", $_ or next;
        my $words = <$file> // next;
        $words =~ tr/\0/ /;
        $seen{$words}++ or print "$words\n";
    }
    select undef, undef, undef, 0.01;
}"""
"""Perl is on every Debian; a shell would start a program for each process, and take a processor for it."""


def variants(value: str) -> set[str]:
    """The value as it would stand in shell words, JSON, or nothing at all around it."""
    return {value, json.dumps(value)[1:-1], value.replace("'", "'\\''"), value.replace("'", "'\"'\"'")}


def assert_clean(place: str, text: str) -> None:
    for value in VALUES:
        for form in variants(value):
            assert form not in text, f"a secret is in {place}"


@contextmanager
def watched(host: Host) -> Iterator[list[str]]:
    """Every command line of the host, sampled while the block runs."""
    seen: list[str] = []
    host.run("rm -f /tmp/enough")
    thread = threading.Thread(target=lambda: seen.append(host.run(f"perl -e '{LOOK}'")))
    thread.start()
    try:
        yield seen
    finally:
        host.run("touch /tmp/enough")
        thread.join(60)


def test_secrets_arrive_as_environment_as_files_and_in_configuration(project: Project, web: Web) -> None:
    project.deploy("v1").ended(0)
    name = f"{project.name}-test-web-app-1"
    show = 'echo "$DATABASE_URL"; cat /run/secrets/api_key /etc/app/other.conf'
    inside = web(1).run(f"docker exec {name} /bin/sh -c '{show}'")
    assert inside == f"postgresql://shop:{PASSWORD}@db/shop\n{KEY}key = {KEY}\n"
    mounts = {one["Destination"]: one["Source"] for one in containers(web(1))[name]["Mounts"]}
    assert web(1).run(f"stat -f -c %T {mounts['/run/secrets']}").strip() == "tmpfs"


def test_no_sink_ever_sees_a_secret(project: Project, registry: object, web: Web) -> None:
    registry.login = ("fleet", LOGIN)  # type: ignore[attr-defined]
    saved = project.root / "plan.json"
    with watched(web(1)) as commands:
        said = [
            project.plan("v1", "--diff", "--out", str(saved)).ended(2),
            project.deploy("v1", "--show-commands", "--diff").ended(0).says("‹!secret env:DB_PASSWORD›"),
            project.deploy("v2", "--json", "--show-commands").ended(0),
            project.deploy("sick", "--diff").ended(3),
            project.run("status", "--env", ENV).ended(0),
            project.run("status", "--env", ENV, "--json").ended(0),
            project.run("validate", "--env", ENV, "--version", "v1").ended(0),
        ]
    for done in said:
        assert_clean("what was said", done.text)
    assert "dockerd" in commands[0]
    assert_clean("a command line on the host", commands[0])
    assert_clean("plan.json", saved.read_text())
    runs = [path for path in (project.root / ".fleet").rglob("*") if path.is_file()]
    assert len(runs) > 5
    for path in runs:
        assert_clean(str(path), path.read_text())
    labels = [one["Config"]["Labels"] for one in containers(web(1)).values()]
    assert labels
    assert_clean("a label", json.dumps(labels))


def test_on_the_hosts_disk_a_secret_is_only_where_it_was_asked_to_be(project: Project, web: Web) -> None:
    project.deploy("v1").ended(0)
    project.deploy("v2").ended(0)
    places = "/etc /home /root /var/lib/fleet /var/log /var/tmp /tmp /srv /opt"
    found = web(1).run(f"grep -rlF -e {KEY} -e {LOGIN} -e pa55- {places} 2>/dev/null || true").split()
    # The configuration file holds it because its template says so; it is 0600.
    assert {path.split("/.fleet-")[0] for path in found} == {"/srv/app"}
    assert web(1).run("stat -L -c %a /srv/app/other.conf").strip() == "600"


def test_a_changed_secret_replaces_the_container_and_an_equal_one_does_not(
    project: Project, web: Web
) -> None:
    project.deploy("v1").ended(0)
    before = ids(web(1))
    project.deploy("v1").ended(0).says("Nothing to do")
    project.environ["DB_PASSWORD"] = "another"
    project.deploy("v1").ended(0).says("its configuration or secrets changed")
    assert ids(web(1)) != before
    before = ids(web(1))
    project.write("secrets/api-key", "k3y-number-two\n").chmod(0o600)
    project.deploy("v1").ended(0)
    assert ids(web(1)) != before
    name = f"{project.name}-test-web-app-1"
    assert web(1).run(f"docker exec {name} /bin/cat /run/secrets/api_key") == "k3y-number-two"


def test_a_missing_secret_is_known_before_any_connection(project: Project) -> None:
    del project.environ["DB_PASSWORD"]
    project.inventory({"web": ["nowhere"]})
    project.deploy("v1").ended(65).says("DB_PASSWORD", "group_vars/all.yml:2:", "not set")


def test_a_secret_file_that_others_can_read_is_refused(project: Project) -> None:
    (project.root / "secrets/api-key").chmod(0o644)
    project.deploy("v1").ended(65).says("secrets/api-key", "chmod 600")
