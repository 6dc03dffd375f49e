"""One POST of JSON. No error shows the URL: it may be a secret as a whole."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from fleet.http_errors import cause
from fleet.model.notices import host_of, url_problem
from fleet.notify.delivery import Delivery, Undelivered
from fleet.notify.words import one_line
from fleet.secret import Text

ANSWER = 200
"""Bytes of a refusal that are shown."""


def post(url: Text, body: Mapping[str, Any], delivery: Delivery) -> None:
    """Through the environment's proxy, if it names one. Raises Undelivered."""
    address = delivery.keyring.reveal(url)
    problem = url_problem(address)
    if problem:
        raise Undelivered(f"the URL {problem}")
    request = urllib.request.Request(  # noqa: S310 — http and https alone, by url_problem
        address,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "fleet"},
        method="POST",
    )
    try:
        urllib.request.build_opener(_NoRedirects).open(request, timeout=delivery.timeout).close()
    # "from None": the cause would carry the URL along.
    except urllib.error.HTTPError as error:
        with error:
            raise Undelivered(_refusal(error)) from None
    except urllib.error.URLError as error:
        raise Undelivered(cause(error.reason, delivery.timeout)) from None
    except OSError as error:
        raise Undelivered(cause(error, delivery.timeout)) from None
    except http.client.HTTPException:
        raise Undelivered("its answer is not HTTP") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET without the notice, and nobody would know."""

    def redirect_request(self, *args: Any, **more: Any) -> None:
        return None


def _refusal(error: urllib.error.HTTPError) -> str:
    status = f"HTTP {error.code} {http.client.responses.get(error.code, '')}".rstrip()
    if 300 <= error.code < 400:
        to = host_of(error.headers.get("Location") or "")
        return f"{status}: it redirects{f' to {to}' if to else ''}, which is not followed; write the new URL"
    try:
        said = one_line(error.read(ANSWER).decode(errors="replace"))
    except (OSError, http.client.HTTPException):
        said = ""
    return f"{status}: {said}" if said else status
