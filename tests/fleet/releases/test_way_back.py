"""A version that fails late: every host and role goes back to the release before, as it was recorded."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from fleet.rehearsal import Host
from tests.support.look import containers, versions
from tests.support.operators import Operator, history, out_of_order

Web = Callable[[int], Host]
ALL = (1, 2, 3)
HOSTS = ("web-1", "web-2", "web-3")
SECRETS = {"OLD_TOKEN": "0ld-t0ken", "NEW_TOKEN": "n3w-t0ken"}
ROLE = """\
x-fleet: {{needs: [{needs}]}}
services:
  app:
    image: "{{{{ registry }}}}/app:{{{{ version }}}}"
    environment: {{TOKEN: !secret env:{token}}}
    ports: ["{port}:8000"]
    stop_grace_period: 1s
    volumes: ["/srv/{role}:/etc/app:ro"]
    deploy: {{update_config: {{parallelism: {parallelism}, monitor: 0s, failure_action: pause}}}}
    x-fleet:
      config: [{{directory: /srv/{role}, files: {{app.conf: app.conf.j2}}}}]
      gate: {{deadline: 3s, interval: 150ms, checks: [{{http: {{port: 8000, path: /health}}}}]}}
"""


def roles(fleet: Operator, token: str) -> None:
    """``edge`` follows ``web`` on the same hosts, host by host; both have secret and configuration."""
    for role, needs, port, parallelism in (("web", "", 8001, 0), ("edge", "web", 8002, 1)):
        text = ROLE.format(role=role, needs=needs, port=port, parallelism=parallelism, token=token)
        fleet.project.write(f"roles/{role}/compose.yml", text)
        fleet.project.write(f"roles/{role}/templates/app.conf.j2", f"{role} with {token}\n")


def commit(root: Path) -> None:
    """As a project is kept; so the secrets of a release are known from the commit that it was made from."""
    own = ["-c", "user.name=anna", "-c", "user.email=anna@example.org"]
    for words in (["init", "-q"], ["add", "."], [*own, "commit", "-qm", "roles"]):
        subprocess.run(["git", *words], cwd=root, check=True)


def running(fleet: Operator, host: Host) -> dict[str, tuple[str, str, str]]:
    """Version, secret and configuration of each role."""
    found = {}
    for role in ("web", "edge"):
        name = fleet.name(role)
        environ = dict(one.split("=", 1) for one in containers(host)[name]["Config"]["Env"])
        found[role] = versions(host)[name], environ["TOKEN"], host.run(f"cat /srv/{role}/app.conf").strip()
    return found


def test_a_failure_in_the_third_batch_takes_all_hosts_and_roles_back(fleet: Operator, web: Web) -> None:
    fleet.inventory({"web": HOSTS, "edge": HOSTS})
    fleet.project.environ |= SECRETS
    roles(fleet, "OLD_TOKEN")
    commit(fleet.project.root)
    fleet.deploy("v1").ended(0)
    before = [running(fleet, web(number)) for number in ALL]
    assert before[0]["edge"] == ("v1", "0ld-t0ken", "edge with OLD_TOKEN")
    roles(fleet, "NEW_TOKEN")
    run = fleet.begin("v2", "--on-failure", "rollback")
    run.until("web-2 ✓ edge.app is healthy")
    with out_of_order(web(3)):
        run.until("web-3 ✗ wait until edge.app is healthy")
    done = run.end().ended(3)
    done.says("going back to v1", "v2 failed and was rolled back: edge.app failed on web-3")
    assert not any(value in done.text for value in SECRETS.values())
    assert [running(fleet, web(number)) for number in ALL] == before
    assert history(fleet, web(1))[-1] == (2, "v2", ["running", "rolled-back"])
    fleet.say("status").says("none")


def test_what_cannot_be_brought_back_is_told_and_nothing_is_removed_for_it(fleet: Operator, web: Web) -> None:
    """Without a repository nobody knows the secret that the release before had."""
    fleet.project.environ |= SECRETS
    roles(fleet, "OLD_TOKEN")
    fleet.deploy("v1").ended(0)
    roles(fleet, "NEW_TOKEN")
    failed = fleet.deploy("sick", "--on-failure", "rollback").ended(1)
    failed.says(
        "should this fail, it cannot go back to v1 (release 1)",
        "!secret env:OLD_TOKEN",
        "and so did the way back",
        f"what took its place stays: web-1: {fleet.name()}",
    )
    assert [versions(web(number)) for number in ALL] == [{fleet.name(): "sick"}] * 3
