"""One call of the Engine API under way: its time limit, its requests, its errors in the operator's words."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fleet.errors import Drift
from fleet.ops import effects as fx
from fleet.secret import Keyring, SealedText
from fleet.transport.base import ApiFailed, OnProgress
from fleet.transport.docker_errors import Refusal, explain, unanswered

if TYPE_CHECKING:
    from fleet.transport.docker_api import DockerApi

_VERSION_LIMIT = re.compile(r"(?:Minimum|Maximum) supported API version is (\d+\.\d+)")


class Call:
    def __init__(
        self, api: DockerApi, call: fx.ApiCall, timeout: float, on_progress: OnProgress | None
    ) -> None:
        self._api = api
        self._call = call
        self._deadline = time.monotonic() + timeout
        self.on_progress = on_progress
        self.host = api.host

    def left(self) -> float:
        return max(0.1, self._deadline - time.monotonic())

    def extend(self, seconds: float) -> None:
        self._deadline = max(self._deadline, time.monotonic() + seconds)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        auth: fx.RegistryAuth | None = None,
        registry: str = "",
        stream: bool = False,
        missing_ok: bool = False,
    ) -> Any:
        """The response as the library ``requests`` gives it, or None for a 404 that is fine.

        Raises ApiFailed, Drift, ConnectionLost.
        """
        client = self._api.client()
        from requests import RequestException  # noqa: PLC0415 - lazy with the SDK
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        headers = {"Content-Type": "application/json"} if body is not None else {}
        if auth:
            words = {"username": auth.username, "password": auth.password, "serveraddress": registry}
            headers["X-Registry-Auth"] = base64.urlsafe_b64encode(self._json(words)).decode()
        data = self._json(body) if body is not None else None
        corrected = False
        while True:
            timeout, version = self.left(), self._api.version
            url = f"{client.base_url}/v{version}{path}"
            try:
                response = client.request(
                    method, url, params=params, data=data, headers=headers, timeout=timeout, stream=stream
                )
            except (RequestException, HTTPError) as error:
                raise unanswered(error, self.host, timeout) from error
            if response.status_code < 400:
                return response
            refusal = Refusal.of(response.status_code, response.text, response.headers, time.time())
            limit = _VERSION_LIMIT.search(refusal.message) if refusal.status == 400 else None
            if limit and not corrected:
                corrected, self._api.version = True, limit[1]
            elif refusal.status == 404 and missing_ok:
                return None
            else:
                raise explain(refusal, self._call, self.host)

    def _json(self, value: Any) -> bytes:
        return json.dumps(revealed(value, self._api.keyring)).encode()

    def failed(self, message: str, status: int = 0) -> ApiFailed | Drift:
        return explain(Refusal(status, message), self._call, self.host)

    def inspect(self, container: str) -> dict[str, Any] | None:
        response = self.request("GET", f"/containers/{quote(container)}/json", missing_ok=True)
        return response.json() if response is not None else None


def revealed(value: Any, keyring: Keyring) -> Any:
    """A deep copy with every hole filled."""
    if isinstance(value, SealedText):
        return keyring.reveal(value)
    if isinstance(value, Mapping):
        return {key: revealed(item, keyring) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [revealed(item, keyring) for item in value]
    return value
