"""Two hundred hosts at once: one sshd on the loopback interface that all of them are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from tests.support.processes import ends
from tests.support.sshd import Sshd

CROWD = 200
HOSTS = """\
all:
  vars: {{ansible_host: 127.0.0.1, ansible_port: {port}, ansible_user: root, fleet_project: shop,
         ansible_ssh_private_key_file: {key}}}
  children:
    web: {{hosts: {{"web-[001:{crowd}]": }}}}
    api: {{hosts: {{api-1: , api-2: {{ansible_port: 1}}, api-3: }}}}
"""

# An engine with one container, that is replaced as soon as there is a file.
DOCKER = """\
#!/bin/sh
for last; do :; done
case $1 in
ps) echo aa,web.app ;;
logs)
  echo "2026-01-31T10:00:01.000000000Z $last begins"
  if [ "$3" != --follow ]; then
    for n in 0 1 2 3 4; do for m in 0 1 2 3 4 5 6 7 8 9; do for l in 0 1 2 3 4 5 6 7 8 9; do
      for k in 0 1 2 3 4 5 6 7 8 9; do echo "2026-01-31T10:00:02.$n$m$l${k}00000Z line"; done
    done; done; done
    exit
  fi
  echo $$ >>"$0.pids"; exec sleep 300 ;;
events)
  echo $$ >>"$0.pids"
  until [ -e "$0.go" ]; do sleep 0.5; done
  echo 1769853605123456789 bb,web.app
  exec sleep 300 ;;
esac
"""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with that many hosts."""
    root = tmp_path_factory.mktemp("crowd")
    server = Sshd(root / "sshd", f"MaxStartups {CROWD}\nUseDNS no", environment=f"PATH={root}:/usr/bin:/bin")
    inventory = root / "inventories" / "test"
    inventory.mkdir(parents=True)
    hosts = HOSTS.format(port=server.port, key=server.client_key, crowd=CROWD)
    (inventory / "hosts.yml").write_text(hosts)
    (inventory / "known_hosts").write_text(server.known_hosts.read_text())
    for role in ("web", "api"):
        (root / "roles" / role).mkdir(parents=True)
        (root / "roles" / role / "compose.yml").write_text("services: {app: {image: x}}\n")
    (root / "docker").write_text(DOCKER)
    (root / "docker").chmod(0o755)
    yield root
    server.stop()


def fleet(root: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [Path(sys.executable).parent / "fleet", *words], cwd=root, text=True, stdin=subprocess.DEVNULL,
        env={**os.environ, "FLEET_ENV": "test", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_every_host_is_a_block(crowd: Path) -> None:
    out, _ = fleet(crowd, "exec", "echo one; echo two", "--limit", "web").communicate(timeout=240)
    *lines, last = out.splitlines()
    assert last.startswith(f"done on {CROWD} hosts")
    blocks = [(host, len(list(those))) for host, those in groupby(lines, lambda line: line.split()[0])]
    assert len({host for host, _ in blocks}) == CROWD
    # On a busy machine a host may come in two parts; most do not.
    assert len(blocks) < 1.2 * CROWD


def test_equal_outputs_are_folded(crowd: Path) -> None:
    out, _ = fleet(crowd, "exec", "--group", "echo one; echo two", "--limit", "web").communicate(timeout=240)
    assert out.splitlines()[:3] == [f"{CROWD} hosts: web-[001-{CROWD}]", "  one", "  two"]


def test_all_logs_are_followed_at_once_and_none_is_left(crowd: Path) -> None:
    process = fleet(crowd, "logs", "web", "--follow")
    assert process.stdout
    found: dict[str, set[str]] = {"aa": set(), "bb": set()}
    deadline = time.monotonic() + 240
    while min(map(len, found.values())) < CROWD:
        assert time.monotonic() < deadline, {name: len(those) for name, those in found.items()}
        host, _, _, container, _ = process.stdout.readline().split()
        found[container].add(host)
        if len(found["aa"]) == CROWD:
            (crowd / "docker.go").touch()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    process.stdout.close()
    # Of every host, its two containers' logs and its events.
    pids = [int(line) for line in (crowd / "docker.pids").read_text().split()]
    assert len(pids) == 3 * CROWD
    assert all(ends(pid) for pid in pids)


def test_more_than_is_taken_ahead_with_a_host_that_is_not_reached(crowd: Path) -> None:
    out, _ = fleet(crowd, "logs", "api.app", "--since", "1m").communicate(timeout=240)
    lines = [line for line in out.splitlines() if line.endswith("| line")]
    assert len(lines) == 2 * 5000
    assert lines[:2] != lines[1:3], "they stand one behind the other, host by host"
    assert "api-2: 127.0.0.1 port 1 refuses the connection" in out
