"""A real HTTP server, and a project to run and write in."""

from __future__ import annotations

import http.server
import json
import pathlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from fleet.model.notices import Moment, Notice
from fleet.notify.delivery import Delivery
from fleet.secret import Keyring


def notice(event: Moment = Moment.SUCCEEDED, **changes: Any) -> Notice:
    told: dict[str, Any] = {
        "env": "production",
        "version": "v42",
        "release": 7,
        "command": "deploy",
        "who": "anna",
        "controller": "laptop",
        "run": "20260131-142233-4711",
        "hosts": ("web-1", "web-2"),
        "at": "2026-01-31T14:22:33Z",
        "seconds": 72.4,
        "outcome": "v42 deployed",
    }
    return Notice(event, **{**told, **changes})


@dataclass
class Server:
    """``received``: method, path, headers and body of each request. ``release`` ends a slow answer."""

    port: int = 0
    status: int = 200
    answer: bytes = b"ok"
    location: str = ""
    slow: bool = False
    received: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/deploys"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.received.append((self.command, self.path, dict(self.headers), json.loads(body)))
            if state.slow:
                state.release.wait(10)
            self.send_response(state.status)
            if state.location:
                self.send_header("Location", state.location)
            self.end_headers()
            self.wfile.write(state.answer)

        def do_GET(self) -> None:
            state.received.append((self.command, self.path, dict(self.headers), None))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        state.port = http_server.server_address[1]
        thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        state.release.set()
        http_server.shutdown()
        thread.join()


@pytest.fixture
def delivery(tmp_path: pathlib.Path) -> Delivery:
    return Delivery(Keyring(), tmp_path, timeout=5)
