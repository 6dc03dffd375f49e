import subprocess
import sys
import threading
from typing import get_args

import pytest

from fleet.errors import Interrupted
from fleet.ops import effects as fx
from fleet.ops.effects import ApiCall
from fleet.secret import Keyring
from fleet.transport import docker_api, docker_calls, docker_images, fake_engine
from fleet.transport.base import ApiFailed
from fleet.transport.docker_pull import PullProgress


def test_the_tables_are_total() -> None:
    assert set(docker_calls.CALLS) == set(get_args(ApiCall))
    assert set(fake_engine.CALLS) == set(get_args(ApiCall))


def test_references() -> None:
    digest = "sha256:" + "0" * 64
    assert docker_images.split_digest(f"r:5000/a/shop:v1@{digest}") == ("r:5000/a/shop", digest)
    assert docker_images.split_digest("r:5000/shop:v1") == ("r:5000/shop:v1", "")
    assert docker_images.split_tag("r:5000/shop") == ("r:5000/shop", "latest")
    assert docker_images.split_tag("r:5000/shop:v1") == ("r:5000/shop", "v1")


def test_progress_is_the_sum_over_layers_and_never_goes_back() -> None:
    told: list[tuple[int, int]] = []
    progress = PullProgress(lambda done, known: told.append((done, known)))
    for event in (
        {"status": "Pulling from shop", "id": "v1"},
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 10, "total": 100}},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 50, "total": 50}},
        {"status": "Already exists", "id": "c"},
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 5, "total": 100}},
        {"status": "Download complete", "id": "a", "progressDetail": {}},
        {"status": "Extracting", "id": "a", "progressDetail": {"current": 1, "total": 100}},
        {"status": "Digest: sha256:12"},
    ):
        progress.take(event)
    assert told == [(10, 100), (60, 150), (150, 150)]
    assert progress.digest == "sha256:12"


class Silent:
    """An engine that takes a request and never answers; ``cancel`` is set while we wait for it."""

    def __init__(self, cancel: threading.Event) -> None:
        self.cancel = cancel
        self.open = True

    def send(self, data: bytes, timeout: float) -> None:
        pass

    def receive(self, size: int, timeout: float) -> bytes:
        self.cancel.set()
        raise TimeoutError("timed out")

    def last_words(self) -> str:
        return ""

    def close(self) -> None:
        self.open = False


def test_a_call_that_waits_for_a_registry_can_be_cut() -> None:
    cancel = threading.Event()
    streams: list[Silent] = []

    def dial() -> Silent:
        streams.append(Silent(cancel))
        return streams[-1]

    api = docker_api.DockerApi("web-1", dial, Keyring())
    for call in (fx.PullImage("shop:v1"), fx.ResolveDigest("shop:v1")):
        cancel.clear()
        with pytest.raises(Interrupted) as caught:
            api.carry_out(call, timeout=600, cancel=cancel)
        assert caught.value.host == "web-1"
        assert not streams[-1].open
    with pytest.raises(ApiFailed, match="did not answer"):
        api.carry_out(fx.StartContainer("app"), timeout=600, cancel=cancel)
    with pytest.raises(Interrupted):
        api.carry_out(fx.PullImage("shop:v1"), timeout=600, cancel=cancel)
    assert len(streams) == 3


def test_the_libraries_are_imported_when_they_are_used() -> None:
    """A listing or a configuration error must not pay for paramiko and the Docker SDK."""
    program = (
        "import sys, fleet.transport.connect, fleet.transport.fake, fleet.transport.local\n"
        "print([m for m in ('paramiko', 'fabric', 'docker', 'requests', 'urllib3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
