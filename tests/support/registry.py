"""A small image registry that a test can make difficult: it wants a login, or a pause, or sends nonsense."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import random
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Registry:
    """Serves on ``host``. ``login``: the one user; ``busy``: for each coming request one
    answer 429, with these seconds to wait. ``damaged``: big blobs come with half of their bytes.
    """

    def __init__(self, host: str) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], str] = {}
        self.login: tuple[str, str] | None = None
        self.forbidden = False
        self.busy: list[int] = []
        self.busy_words = "slow down"
        self.damaged = False
        self.requests = 0
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry._answer(self)

            do_HEAD = do_GET  # noqa: N815 - the base class's name

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self.address = f"{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def push(self, name: str, tag: str, content: str) -> str:
        """An image with a shell, ``sleep`` and a file with ``content``; answers its digest."""
        layer = _layer(content)
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/bin/sleep", "1000"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
        return self._publish(name, tag, json.dumps(config).encode(), [gzip.compress(layer, 1, mtime=0)])

    def _publish(self, name: str, version: str, body: bytes, layers: list[bytes]) -> str:
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": len(body),
                "digest": self._store(body),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                    "size": len(packed),
                    "digest": self._store(packed),
                }
                for packed in layers
            ],
        }
        digest = self._store(json.dumps(manifest).encode())
        self.manifests[name, version] = self.manifests[name, digest] = digest
        return digest

    def _store(self, blob: bytes) -> str:
        self.blobs[_digest(blob)] = blob
        return _digest(blob)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests += 1
        if self.busy and "/manifests/" in request.path:
            error = {"code": "TOOMANYREQUESTS", "message": self.busy_words}
            body = json.dumps({"errors": [error]}).encode()
            _reply(request, 429, body, {"Retry-After": str(self.busy.pop(0))})
        elif self.login and request.headers.get("Authorization") != _basic(*self.login):
            body = b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'
            _reply(request, 401, body, {"WWW-Authenticate": 'Basic realm="test"'})
        elif request.path.rstrip("/") == "/v2":
            _reply(request, 200, b"{}", {})
        elif self.forbidden:
            _reply(request, 403, b'{"errors":[{"code":"DENIED","message":"access forbidden"}]}', {})
        else:
            self._serve(request)

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        name, _, rest = request.path.removeprefix("/v2/").rpartition("/")
        name, _, kind = name.rpartition("/")
        digest = self.manifests.get((name, rest)) if kind == "manifests" else rest
        blob = self.blobs.get(digest or "")
        if blob is None:
            _reply(request, 404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}', {})
            return
        headers = {"Docker-Content-Digest": digest or ""}
        if kind == "manifests":
            headers["Content-Type"] = MANIFEST
        if self.damaged and len(blob) > 100_000:
            blob = blob[: len(blob) // 2]
        _reply(request, 200, blob, headers)


def _reply(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    request.send_response(status)
    for name, value in {"Content-Type": "application/json", **headers, "Content-Length": len(body)}.items():
        request.send_header(name, str(value))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)
        request.close_connection = True


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _layer(content: str) -> bytes:
    """The shell and ``sleep`` of this machine with their libraries, and bytes that do not compress."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for path in _programs():
            info = tarfile.TarInfo(path.lstrip("/"))
            data = Path(os.path.realpath(path)).read_bytes()
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
        data = content.encode() + random.Random(content).randbytes(3_000_000)
        info = tarfile.TarInfo("content")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return target.getvalue()


def _programs() -> list[str]:
    loader = "/lib64/ld-linux-x86-64.so.2"
    library = next(str(path) for path in Path("/lib/x86_64-linux-gnu").glob("libc.so.6"))
    return ["/bin/sh", "/bin/sleep", loader, library]
