"""Images by the Engine API: what a tag stands for, and pulling it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from fleet.ops import effects as fx
from fleet.transport.docker_call import Call
from fleet.transport.docker_errors import registry_of
from fleet.transport.docker_pull import PullProgress


def resolve(do: Call, call: fx.ResolveDigest) -> str:
    response = do.request(
        "GET",
        f"/distribution/{quote(call.image, safe='/:@')}/json",
        auth=call.auth,
        registry=registry_of(call.image),
    )
    return str(response.json()["Descriptor"]["digest"])


def pull(do: Call, call: fx.PullImage) -> None:
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


def _follow(do: Call, response: Any, progress: PullProgress) -> str:
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


def split_digest(image: str) -> tuple[str, str]:
    """``name[:tag]@sha256:…`` → the name without tag, and the digest (or empty)."""
    name, _, digest = image.partition("@")
    return (split_tag(name)[0], digest) if digest else (name, "")


def split_tag(image: str) -> tuple[str, str]:
    """``name[:tag]`` → the name and the tag (``latest`` when there is none)."""
    name, colon, tag = image.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (image, "latest")
