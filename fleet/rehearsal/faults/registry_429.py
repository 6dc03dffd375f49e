"""The registry answers nothing but "too many requests", and says how long to wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fleet.rehearsal.faults.fault import Fault, Moment, Promise, Scene
from fleet.rehearsal.host import Host
from fleet.rehearsal.registry import REGISTRY_PORT

LASTS = 20.0
WAIT = 3
"""Seconds that it asks for."""
# The engine hands on the words of the answer, and not its header.
BODY = (
    f'{{"errors":[{{"code":"TOOMANYREQUESTS","message":"retry-after: {WAIT} s, allowed: 100/hour"}}]}}'
).encode()


class _Busy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.path.rstrip("/") == "/v2"
        self.send_response(200 if known else 429)
        body = b"{}" if known else BODY
        for name, value in {"Content-Type": "application/json", "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        if not known:
            self.send_header("Retry-After", str(WAIT))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 — the base class's name

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def busy_registry(address: str) -> Iterator[int]:
    """Such a registry on this machine, and its port."""
    server = ThreadingHTTPServer((address, 0), _Busy)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _instead(host: Host, registry: str, busy: str) -> Iterator[None]:
    rule = f"OUTPUT -d {registry} -p tcp --dport {REGISTRY_PORT} -j DNAT --to-destination {busy}"
    host.run(f"iptables -w -t nat -I {rule}")
    try:
        yield
    finally:
        host.run(f"iptables -w -t nat -D {rule}")


@contextmanager
def _broken(scene: Scene) -> Iterator[str]:
    registry = scene.host(scene.registry).address
    hosts = [scene.host(name) for name in (*scene.webs, *scene.others)]
    with ExitStack() as stack:
        port = stack.enter_context(busy_registry(scene.gateway))
        for host in hosts:
            # What is there is not asked for. No host runs it: it is the version that is to come.
            host.run(
                f"docker images -q {scene.image} | grep -q . && docker rmi -f {scene.image} >/dev/null; :"
            )
            stack.enter_context(_instead(host, registry, f"{scene.gateway}:{port}"))
        yield f"the registry answers 429 and asks for {WAIT} s, for {LASTS:g} s"


FAULT = Fault(
    "the registry has had too many requests",
    Moment.BEFORE,
    _broken,
    Promise("no request is lost; the deploy waits as long as it is asked to, and gets done", frozenset({0})),
    "nothing, it waits by itself; with a limit that lasts, log in to the registry or run a mirror",
    lasts=LASTS,
)
