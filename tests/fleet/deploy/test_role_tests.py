"""A role's own tests, over Fleet's connection to real hosts: by hand, and as a part of the gate."""

from __future__ import annotations

from collections.abc import Callable

from fleet.rehearsal import Host
from tests.support.look import answer
from tests.support.project import ENV, Project

Web = Callable[[int], Host]

TESTS = """\
import pytest


def test_the_service_runs_the_version(fleet):
    box = fleet.container("app")
    assert box.is_running
    assert box.inspect()["Config"]["Image"].startswith(f"{fleet.var('registry')}/app@")
    assert box.inspect()["Config"]["Labels"]["fleet.release"] == fleet.version


def test_the_host_is_as_it_should_be(host, fleet):
    assert host.user().name == "root"
    assert host.file("/etc/ssh/sshd_config.d/rehearsal.conf").contains("PermitRootLogin no")
    assert host.process.filter(comm="dockerd")
    assert host.check_output("hostname") == fleet.host


def test_secrets_are_told_when_they_are_asked_for(host, fleet):
    import os

    assert "SHOP_TOKEN" not in os.environ
    with pytest.raises(LookupError, match="token is a secret"):
        fleet.var("token")
    assert fleet.secret("token") == "a-secret-token"


def test_nothing_of_it_leaks(host, fleet):
    assert not host.file("/tmp/sick").exists, fleet.secret("token")
"""


def test_the_tests_of_a_role_are_its_gate_and_run_by_hand(project: Project, web: Web) -> None:
    project.environ["SHOP_TOKEN"] = "a-secret-token"
    project.inventory({"web": ["web-1", "web-2"]})
    project.role(update={"parallelism": 1})
    project.write("roles/web/defaults.yml", "token: !secret env:SHOP_TOKEN\n")
    project.write("roles/web/tests/test_web.py", TESTS)

    deployed = project.deploy("v1").ended(0)
    deployed.says("within 30 s; then roles/web/tests", "✓ web.app is healthy and the tests of web pass")
    assert not list((project.root / "roles").rglob("__pycache__"))
    seen = project.run("verify", "--env", ENV).ended(0)
    seen.says(
        "✓ tests of web: 4 tests passed", "✓ web test_nothing_of_it_leaks: web-1 web-2", "done on 2 hosts"
    )

    web(2).run("touch /tmp/sick")
    seen = project.run("verify", "--env", ENV).ended(1)
    seen.says(
        "✓ web test_nothing_of_it_leaks: web-1",
        "✗ web test_nothing_of_it_leaks: web-2",
        f"roles/web/tests/test_web.py:{len(TESTS.splitlines())}: ‹secret›",
        "failed on 1 of 2 hosts",
        "web-2: web: 1 of 4 tests failed",
    )
    failed = project.deploy("v2").ended(3)
    failed.says(
        "1 of 4 tests failed: test_nothing_of_it_leaks",
        "v2 failed and was rolled back: web.app failed on web-2",
    )
    assert [answer(web(number)) for number in (1, 2)] == ["ok v1"] * 2
    (bundle,) = (project.runs[-1] / "failures").iterdir()
    assert "test_nothing_of_it_leaks" in bundle.read_text()
    assert "a-secret-token" not in f"{seen.text}{failed.text}{bundle.read_text()}"
