"""Every call of :data:`fleet.ops.effects.ApiCall` as Engine API requests: the Docker SDK on our streams."""

from __future__ import annotations

import base64
import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fleet.errors import Drift
from fleet.ops import effects as fx
from fleet.secret import Keyring, SealedText
from fleet.transport.base import ApiFailed, OnProgress
from fleet.transport.docker_errors import Refusal, explain, registry_of, unanswered
from fleet.transport.docker_pull import PullProgress

if TYPE_CHECKING:
    import docker

    from fleet.transport.docker_http import EngineAdapter, Stream

API_VERSION = "1.41"
"""Docker 20.10. An engine that has dropped it, or is older, names its own limit and gets that."""

STREAMS = 3
"""Open at once per host; a further request waits for one of them."""

CUTTABLE = (fx.PullImage, fx.ResolveDigest)
"""They wait for a registry, as long as it likes, and may be cut anywhere."""

_VERSION_LIMIT = re.compile(r"(?:Minimum|Maximum) supported API version is (\d+\.\d+)")


class DockerApi:
    """The engine of one host. Safe to use from several threads.

    ``dial`` opens a stream to the engine.
    """

    def __init__(self, host: str, dial: Callable[[], Stream], keyring: Keyring) -> None:
        self.host = host
        self._dial = dial
        self.keyring = keyring
        self.version = API_VERSION
        self._opening = threading.Lock()
        self._client: docker.APIClient | None = None
        self._adapter: EngineAdapter | None = None

    @property
    def requests(self) -> int:
        """HTTP requests so far."""
        return self._adapter.requests if self._adapter else 0

    def carry_out(
        self,
        call: fx.ApiCall,
        *,
        timeout: float,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> Any:
        """See :meth:`fleet.transport.base.Transport.docker`."""
        from fleet.transport.docker_http import ended_by  # noqa: PLC0415 - lazy with the SDK

        with ended_by(cancel if isinstance(call, CUTTABLE) else None, self.host):
            return CALLS[type(call)](_Call(self, call, timeout, on_progress), call)

    def close(self) -> None:
        with self._opening:
            if self._client is not None:
                self._client.close()

    def client(self) -> docker.APIClient:
        with self._opening:
            if self._client is None:
                # Costs 150 ms; an inventory listing or a configuration error never gets here.
                import docker  # noqa: PLC0415

                from fleet.transport.docker_http import URL, EngineAdapter  # noqa: PLC0415

                # A version spares a round trip. The address is never dialled: the adapter has streams.
                client = docker.APIClient(base_url="unix:///unused", version=API_VERSION)
                self._adapter = EngineAdapter(self._dial, STREAMS)
                client.base_url = URL
                client.mount("http+docker://", self._adapter)
                # No proxy, no .netrc of this machine for a request to another machine's engine.
                client.trust_env = False
                self._client = client
            return self._client


class _Call:
    """One call under way: its time limit, its requests, its errors in the operator's words."""

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


def _resolve(do: _Call, call: fx.ResolveDigest) -> str:
    response = do.request(
        "GET",
        f"/distribution/{quote(call.image, safe='/:@')}/json",
        auth=call.auth,
        registry=registry_of(call.image),
    )
    return str(response.json()["Descriptor"]["digest"])


def _pull(do: _Call, call: fx.PullImage) -> None:
    name, digest = split_digest(call.image)
    repository, tag = (name, digest) if digest else split_tag(call.image)
    response = do.request(
        "POST",
        "/images/create",
        params={"fromImage": repository, "tag": tag},
        auth=call.auth,
        registry=registry_of(call.image),
        stream=True,
    )
    progress = PullProgress(do.on_progress)
    broken = _follow(do, response, progress)
    # The stream may break though the engine goes on to the end, and end well though it did not:
    # what counts is whether the image is there.
    found = do.request("GET", f"/images/{quote(call.image, safe='/:@')}/json", missing_ok=True)
    image = found.json() if found is not None else None
    wanted = digest or progress.digest
    if image is None or (wanted and not any(d.endswith(wanted) for d in image["RepoDigests"] or ())):
        raise do.failed(broken or "the pull ended, and the image is not there")
    if call.tag:
        target, label = split_tag(call.tag)
        do.request("POST", f"/images/{image['Id']}/tag", params={"repo": target, "tag": label})


def _follow(do: _Call, response: Any, progress: PullProgress) -> str:
    """Read the pull's messages to their end; answers why the stream broke, if it did. Raises ApiFailed."""
    from requests import RequestException  # noqa: PLC0415 - lazy with the SDK
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        for event in _events(response):
            if "error" in event:
                detail = event.get("errorDetail") or {}
                message, status = detail.get("message") or event["error"], detail.get("code") or 0
                raise do.failed(message, status)
            progress.take(event)
            if do.left() <= 0.1:
                return "the pull took too long"
    except (RequestException, HTTPError, OSError, ValueError) as error:
        return str(error)
    finally:
        response.close()
    return ""


def _events(response: Any) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines(chunk_size=None):
        if line.strip():
            yield json.loads(line)


def _create(do: _Call, call: fx.CreateContainer) -> str:
    response = do.request("POST", "/containers/create", params={"name": call.name}, body=call.body)
    made = str(response.json()["Id"])
    try:
        for network, endpoint in call.networks.items():
            body = {"Container": made, "EndpointConfig": endpoint}
            do.request("POST", f"/networks/{quote(network)}/connect", body=body)
    except BaseException:
        # A container with half of its networks must not be taken for the one that was wanted.
        do.request("DELETE", f"/containers/{made}", params={"v": "1", "force": "1"}, missing_ok=True)
        raise
    return made


def _start(do: _Call, call: fx.StartContainer) -> None:
    do.request("POST", f"/containers/{quote(call.container)}/start")


def _stop(do: _Call, call: fx.StopContainer) -> None:
    # The engine answers only when the container has ended.
    do.extend(call.grace + 15)
    do.request("POST", f"/containers/{quote(call.container)}/stop", params={"t": str(math.ceil(call.grace))})


def _remove(do: _Call, call: fx.RemoveContainer) -> None:
    path = f"/containers/{quote(call.container)}"
    try:
        params = {"force": "1", **({"v": "1"} if call.volumes else {})}
        do.request("DELETE", path, params=params, missing_ok=True)
    except ApiFailed as failure:
        if failure.status != 409 or "already in progress" not in failure.why:
            raise
        while do.inspect(call.container) is not None:
            if do.left() <= 0.1:
                raise
            time.sleep(0.1)


def _rename(do: _Call, call: fx.RenameContainer) -> None:
    do.request("POST", f"/containers/{quote(call.container)}/rename", params={"name": call.name})


def _reinstate(do: _Call, call: fx.ReinstateContainer) -> None:
    # First: without it nothing may be removed.
    found = do.request("GET", f"/containers/{quote(call.id)}/json").json()
    if found["Name"] != f"/{call.name}":
        if successor := _id_of(do, call.name):
            _remove(do, fx.RemoveContainer(successor))
        _rename(do, fx.RenameContainer(call.id, call.name))
    if not found["State"]["Running"]:
        _start(do, fx.StartContainer(call.id))


def _id_of(do: _Call, name: str) -> str:
    found = do.inspect(name)
    # The engine also takes the beginning of another container's id for a name.
    return str(found["Id"]) if found and found["Name"] == f"/{name}" else ""


def _expect(do: _Call, call: fx.ExpectContainer) -> None:
    there = _id_of(do, call.name)
    if there == call.id:
        return
    seen = f"container {call.id[:12]}" if call.id else "no such container"
    raise Drift(
        f"the container {call.name!r} is not the one that was planned for",
        why=f"planned: {seen}\nfound: {f'container {there[:12]}' if there else 'no such container'}",
        hint="someone changed the host since the plan was made: plan again",
        host=do.host,
    )


def _network(do: _Call, call: fx.CreateNetwork) -> None:
    # Engines before 25 otherwise make a second network of the same name.
    do.request("POST", "/networks/create", body={**call.body, "CheckDuplicate": True})


def _volume(do: _Call, call: fx.CreateVolume) -> None:
    do.request("POST", "/volumes/create", body=call.body)


CALLS: Mapping[type, Callable[[_Call, Any], Any]] = {
    fx.ResolveDigest: _resolve,
    fx.PullImage: _pull,
    fx.CreateContainer: _create,
    fx.StartContainer: _start,
    fx.StopContainer: _stop,
    fx.RemoveContainer: _remove,
    fx.RenameContainer: _rename,
    fx.ReinstateContainer: _reinstate,
    fx.ExpectContainer: _expect,
    fx.CreateNetwork: _network,
    fx.CreateVolume: _volume,
}
"""Total over ApiCall; a test holds that."""


def split_digest(image: str) -> tuple[str, str]:
    """``name[:tag]@sha256:…`` → the name without tag, and the digest (or empty)."""
    name, _, digest = image.partition("@")
    return (split_tag(name)[0], digest) if digest else (name, "")


def split_tag(image: str) -> tuple[str, str]:
    """``name[:tag]`` → the name and the tag (``latest`` when there is none)."""
    name, colon, tag = image.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (image, "latest")


def revealed(value: Any, keyring: Keyring) -> Any:
    """A deep copy with every hole filled."""
    if isinstance(value, SealedText):
        return keyring.reveal(value)
    if isinstance(value, Mapping):
        return {key: revealed(item, keyring) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [revealed(item, keyring) for item in value]
    return value
