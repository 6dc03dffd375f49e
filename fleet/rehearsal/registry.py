"""The image registry of a rehearsal, on one of its hosts."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Protocol

from docker.models.images import Image

from fleet.errors import FleetError
from fleet.rehearsal.engine import Engine, Say

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


REGISTRY_PORT = 5000
REGISTRY_USER = "fleet"


class Serving(Protocol):
    """The host of a registry."""

    name: str
    address: str

    def published(self, port: int) -> str:
        """``127.0.0.1:<port>`` of the controller behind which that port of the host is."""


class Registry:
    """Speaks to the registry on ``host`` with the password that every host of the fleet gets."""

    def __init__(self, engine: Engine, host: Serving, password: str, say: Say) -> None:
        self._client = engine.client
        self._host = host
        self._password = password
        self._say = say

    def publish(self, images: Mapping[str, Image]) -> None:
        """Push ``name:tag → image`` where the registry has not got exactly that image. Raises FleetError."""
        for reference, image in images.items():
            repository, _, tag = reference.partition(":")
            if self._published(repository, tag) != image.id:
                self._say(f"pushing {reference}")
                self._push(repository, tag, image)

    def _published(self, repository: str, tag: str) -> str | None:
        """The image id behind a tag."""
        address = f"http://{self._host.address}:{REGISTRY_PORT}/v2/{repository}/manifests/{tag}"
        request = urllib.request.Request(address, headers={"Accept": _MANIFEST})
        login = base64.b64encode(f"{REGISTRY_USER}:{self._password}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return str(json.load(answer)["config"]["digest"])
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise FleetError(f"the registry says {error}", host=self._host.name) from error
        except OSError as error:
            raise FleetError("the registry does not answer", why=str(error), host=self._host.name) from error

    def _push(self, repository: str, tag: str, image: Image) -> None:
        # Through a published port of 127.0.0.1: every engine lets a registry there speak plain http.
        target = f"{self._host.published(REGISTRY_PORT)}/{repository}"
        image.tag(target, tag)
        try:
            login = {"username": REGISTRY_USER, "password": self._password}
            for event in self._client.images.push(target, tag, stream=True, decode=True, auth_config=login):
                if "error" in event:
                    raise FleetError(
                        f"pushing {repository}:{tag} failed", why=event["error"], host=self._host.name
                    )
        finally:
            self._client.images.remove(f"{target}:{tag}")
