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
  children: {{web: {{hosts: {{"web-[001:{crowd}]": }}}}}}
"""

# An engine with one container, that is replaced as soon as there is a file.
DOCKER = """\
#!/bin/sh
for last; do :; done
case $1 in
ps) echo aa,web.app ;;
logs) echo "2026-01-31T10:00:01.000000000Z $last begins"; echo $$ >>"$0.pids"; exec sleep 300 ;;
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
    (root / "roles" / "web").mkdir(parents=True)
    (root / "roles" / "web" / "compose.yml").write_text("services: {app: {image: x}}\n")
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
    out, _ = fleet(crowd, "exec", "echo one; echo two").communicate(timeout=240)
    *lines, last = out.splitlines()
    assert last.startswith(f"done on {CROWD} hosts")
    blocks = [(host, len(list(those))) for host, those in groupby(lines, lambda line: line.split()[0])]
    assert len({host for host, _ in blocks}) == CROWD
    # On a busy machine a host may come in two parts; most do not.
    assert len(blocks) < 1.2 * CROWD


def test_equal_outputs_are_folded(crowd: Path) -> None:
    out, _ = fleet(crowd, "exec", "--group", "echo one; echo two").communicate(timeout=240)
    assert out.splitlines()[:3] == [f"{CROWD} hosts: web-[001-{CROWD}]", "  one", "  two"]


def test_all_logs_are_followed_at_once_and_none_is_left(crowd: Path) -> None:
    process = fleet(crowd, "logs", "app", "--follow")
    assert process.stdout
    found: dict[str, set[str]] = {"aa": set(), "bb": set()}
    deadline = time.monotonic() + 240
    while min(map(len, found.values())) < CROWD:
        assert time.monotonic() < deadline, {name: len(those) for name, those in found.items()}
        host, _, container, _ = process.stdout.readline().split()
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
