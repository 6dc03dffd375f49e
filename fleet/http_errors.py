"""Why an HTTP request got no answer, in words. None of them holds its URL, which may be a secret."""

from __future__ import annotations

import http.client
import socket
import ssl


def cause(error: str | BaseException, timeout: float) -> str:
    """``error``: an OSError, or the reason of an URLError; ``timeout``: the request's, in seconds."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return f"its name is not known: {error.strerror}"
    if isinstance(error, http.client.RemoteDisconnected):
        return "it closed the connection without an answer"
    return (error.strerror if isinstance(error, OSError) else "") or "it cannot be reached"
