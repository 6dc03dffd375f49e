"""The sampler's script runs in a real shell against a stand-in for the Docker client."""

from __future__ import annotations

import http.server
import os
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.health.judge import Sample
from fleet.health.script import read, sampler
from fleet.model.gates import (
    AnyOf,
    Check,
    DockerCheck,
    ExecCheck,
    GateSpec,
    HttpCheck,
    LogCheck,
    RunningCheck,
    TcpCheck,
)

DOCKER = """#!/bin/sh
case $1 in
  inspect) [ -f "$HERE/facts" ] && cat "$HERE/facts" ;;
  logs) printf 'starting\\nready for\\tconnections\\n' ;;
  exec) shift 2; "$@" ;;
esac
"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        good = self.path == "/health"
        self.send_response(200 if good else 503)
        self.end_headers()
        self.wfile.write(b"all is ok\n" if good else b"database away\n")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def host(tmp_path: Path) -> Path:
    docker = tmp_path / "docker"
    docker.write_text(DOCKER)
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "facts").write_text("running 0 0 healthy 2026-01-01T00:00:00Z 127.0.0.1\n")
    return tmp_path


def sample(host: Path, *checks: Check, without_curl: bool = False) -> Sample:
    script = sampler("web", GateSpec(checks, interval=0.01)).replace("sleep 0.01", "exit")
    if without_curl:
        script = 'command() { case $2 in curl) return 1 ;; *) type "$2" ;; esac; }\n' + script
    environ = {"PATH": f"{host}:{os.environ['PATH']}", "HERE": str(host)}
    done = subprocess.run(
        ["sh", "-s"], input=script, capture_output=True, text=True, env=environ, timeout=30, check=False
    )
    found = read(done.stdout, 1.5)
    assert found is not None, done
    return found


def test_running_and_healthy(host: Path) -> None:
    seen = sample(host, RunningCheck(), DockerCheck())
    assert (seen.at, seen.state, seen.health, seen.restarts) == (1.5, "running", "healthy", 0)
    assert [result.ok for result in seen.results] == [True, True]


@pytest.mark.parametrize("without_curl", [False, True])
def test_http(host: Path, port: int, without_curl: bool) -> None:
    checks = (HttpCheck(port, "/health"), HttpCheck(port, "/health", match="^all"), HttpCheck(port, "/other"),
              HttpCheck(port, "/health", match="absent"))  # fmt: skip
    good, matching, bad, mismatch = sample(host, *checks, without_curl=without_curl).results
    assert good.ok
    assert matching.ok
    assert not bad.ok
    assert "status 503, wanted 200: database away" in bad.message
    assert "does not match absent" in mismatch.message


def test_nothing_listens(host: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        free = held.getsockname()[1]
        tcp, http_result = sample(host, TcpCheck(free), HttpCheck(free)).results
    assert tcp.message == f"tcp :{free}: nothing listens"
    assert http_result.message == f"http :{free}/: no answer"


def test_tcp(host: Path, port: int) -> None:
    assert sample(host, TcpCheck(port)).results[0].ok


def test_exec_and_log(host: Path) -> None:
    failing = ExecCheck(("sh", "-c", "echo no database; exit 1"))
    checks = (ExecCheck(("true",)), failing, LogCheck("ready for"), LogCheck("absent"))
    good, bad, logged, silent = sample(host, *checks).results
    assert good.ok
    assert bad.message == "exec sh: no database"
    assert logged.ok
    assert not silent.ok


def test_alternatives_are_sampled_each(host: Path) -> None:
    assert len(sample(host, AnyOf((RunningCheck(), DockerCheck())), RunningCheck()).results) == 3


def test_a_container_that_is_gone(host: Path) -> None:
    (host / "facts").unlink()
    assert sample(host, DockerCheck()).state == "gone"


def test_a_name_from_the_inventory_is_one_word(host: Path) -> None:
    script = sampler("web; touch /tmp/owned", GateSpec())
    assert "name='web; touch /tmp/owned'" in script


def test_other_lines_are_no_samples() -> None:
    assert read("Welcome to Debian", 0) is None
    assert read("sample\trunning", 0) is None
