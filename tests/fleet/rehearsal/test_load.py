"""The load generator tells every request's end, and goes nowhere but to this machine's own hosts."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

LOAD = Path(__file__).parents[3] / "benchmarks" / "load.py"


def load(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, LOAD, *words], capture_output=True, text=True, timeout=30, check=False
    )


class Shop(BaseHTTPRequestHandler):
    """Of four requests one gets status 503, one no answer, and two are served, each by another version."""

    protocol_version = "HTTP/1.1"
    numbers = itertools.count()

    def do_GET(self) -> None:
        number = next(self.numbers) % 4
        if number == 3:
            self.close_connection = True
            return
        self.send_response(503 if number == 2 else 200)
        self.send_header("Content-Length", "2")
        self.send_header("X-Shop-Version", f"v4{number + 1}")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_request_is_counted_by_its_end(shop: str) -> None:
    done = load(shop, "--seconds", "2", "--rate", "50", "--clients", "4")
    counts = {
        words[0]: int(words[1])
        for line in done.stdout.splitlines()
        if len(words := line.split()) > 1 and words[1].isdigit()
    }
    kinds = dict(re.findall(r"^ +\d+  (.+) \((kept|new) connection\)$", done.stdout, re.MULTILINE))
    assert done.returncode == 0
    assert counts["requests"] == counts["failed"] + counts["v41"] + counts["v42"]
    assert counts["requests"] > 80
    assert counts["failed"] == pytest.approx(counts["requests"] / 2, abs=2)
    assert kinds.keys() == {"status 503", "closed without an answer"}


def test_nobody_listening_is_refused_and_the_exit_code_says_so() -> None:
    done = load("http://127.0.0.1:1/", "--seconds", "0.3", "--rate", "20", "--clients", "2")
    assert "(100.000%)" in done.stdout
    assert "refused (new connection)" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/", "http://10.0.0.1/", "https://127.0.0.1/", "ftp://127.0.0.1"]
)
def test_foreign_addresses_and_other_schemes_are_refused_before_any_request(url: str) -> None:
    done = load(url)
    assert done.returncode == 2
    assert "argument url" in done.stderr
