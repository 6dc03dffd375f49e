"""The Engine API of one host: the Docker SDK on our streams."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fleet.ops import effects as fx
from fleet.secret import Keyring
from fleet.transport.base import OnProgress
from fleet.transport.docker_call import Call
from fleet.transport.docker_calls import CALLS

if TYPE_CHECKING:
    import docker

    from fleet.transport.docker_http import EngineAdapter, Stream

API_VERSION = "1.41"
"""Docker 20.10. An engine that has dropped it, or is older, names its own limit and gets that."""

STREAMS = 3
"""Open at once per host; a further request waits for one of them."""

CUTTABLE = (fx.PullImage, fx.ResolveDigest)
"""They wait for a registry, as long as it likes, and may be cut anywhere."""


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
            return CALLS[type(call)](Call(self, call, timeout, on_progress), call)

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
