"""The values of a watch's measures: one try each. What cannot be read raises Unread, with the cause."""

from __future__ import annotations

import http.client
import json
import math
import os
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection, Mapping
from typing import Any

from fleet import shell
from fleet.errors import FleetError, Interrupted
from fleet.http_errors import cause
from fleet.model.notices import host_of, url_problem
from fleet.model.watch import HttpValue, LogRate, PrometheusValue, WatchCommand
from fleet.transport.base import Transport
from fleet.transport.local import LocalProcess
from fleet.transport.pump import carry_out

TIMEOUT = 5.0
"""Seconds for an answer over HTTP."""
COMMAND_TIMEOUT = 10.0
"""Seconds for a command on the controller."""
LOG_TIMEOUT = 30.0
"""Seconds for all logs of one host."""
LARGEST = 1 << 20
"""Bytes of an answer."""


class Unread(FleetError):
    """A measure has no value; ``what`` is the cause."""


def http_value(measure: HttpValue, timeout: float = TIMEOUT) -> float:
    """The number at the path; a list is entered by its index, from 0."""
    value = _json(measure.url, timeout)
    taken: list[str] = []
    for part in filter(None, measure.path.split(".")):
        taken.append(part)
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, ValueError, TypeError):
            raise Unread(f"{host_of(measure.url)} answered no {'.'.join(taken)}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        shown = shell.words([json.dumps(value)[:60]])
        raise Unread(f"{host_of(measure.url)} answered {shown} at {measure.path or 'its top'}, not a number")
    return _finite(value)


def prometheus_value(measure: PrometheusValue, timeout: float = TIMEOUT) -> float:
    """The first value, of a vector or a scalar."""
    query = urllib.parse.urlencode({"query": measure.query})
    answer = _json(f"{measure.url.rstrip('/')}/api/v1/query?{query}", timeout)
    try:
        data = answer["data"]
        result = data["result"]
        value = result if data["resultType"] == "scalar" else result[0]["value"] if result else None
        number = float(value[1]) if value else None
    except (KeyError, IndexError, TypeError, ValueError):
        raise Unread(f"{host_of(measure.url)} does not answer as Prometheus does") from None
    if number is None:
        raise Unread("the query has no result")
    return _finite(number)


def command_status(measure: WatchCommand, cancel: threading.Event, timeout: float = COMMAND_TIMEOUT) -> float:
    """0. Any other ending raises Unread with the last line of its output; ``cancel`` raises Interrupted."""
    # The shell tells its own number, which is that of the group, and then becomes the command.
    command = f'echo "@fleet $$"; exec {shell.words(measure.command)}'
    try:
        process = LocalProcess(command, env=os.environ)
    except OSError as error:
        raise Unread(f"it cannot be started: {error.strerror}") from error
    result = carry_out(process, b"", timeout=timeout, cancel=cancel, spare=0)
    if result.stopped or result.timed_out:
        # Its children may not have ended with it.
        process.kill(process.group, "KILL")
    if result.stopped:
        raise Interrupted(f"interrupted in {measure.name}")
    if result.ok:
        return 0
    said = (result.err.strip() or result.out.strip()).decode("utf-8", "replace").splitlines()
    raise Unread(result.ending(timeout) + (f": {said[-1]}" if said else ""))


def matching_lines(
    transport: Transport,
    containers: Collection[str],
    measures: Collection[LogRate],
    seconds: float,
    cancel: threading.Event,
) -> Mapping[str, int]:
    """How many lines of the last ``seconds`` match, by the measure's name, in all of a host's containers."""
    patterns = [measure.pattern for measure in measures]
    result = transport.run(_counting(containers, patterns, seconds), timeout=LOG_TIMEOUT, cancel=cancel)
    if result.stopped:
        raise Interrupted("interrupted while logs were read", host=transport.host)
    said = result.err.decode("utf-8", "replace").strip().splitlines()
    counts = result.out.split()
    if not result.ok or len(counts) != len(containers) * len(patterns):
        cause = f"the logs of {transport.host} cannot be read: {result.ending(LOG_TIMEOUT)}"
        raise Unread(f"{cause}: {said[-1]}" if said else cause)
    numbers = list(map(int, counts))
    return {measure.name: sum(numbers[place :: len(patterns)]) for place, measure in enumerate(measures)}


def _counting(containers: Collection[str], patterns: Collection[str], seconds: float) -> str:
    """One number for each container and pattern. A container without a log is an error, not a nought."""
    lines = ["set -e", "log=$(mktemp)", "trap 'rm -f \"$log\"' EXIT", "trap 'exit 143' HUP INT TERM"]
    for container in containers:
        name = shell.words([container])
        # Its errors are the container's own lines, too: what docker itself says is told apart by its status.
        since = f"docker logs --since {seconds:.3f}s {name}"
        lines.append(f'{since} >"$log" 2>&1 || {{ cat "$log" >&2; exit 1; }}')
        # grep ends with 1 when nothing matches, with 2 when the pattern is wrong.
        lines += [f'grep -E -c -e {shell.words([pattern])} "$log" || [ $? -eq 1 ]' for pattern in patterns]
    return "\n".join([*lines, ""])


def _json(url: str, timeout: float) -> Any:
    """No error shows the URL: it may hold a token."""
    problem = url_problem(url)
    if problem:
        raise Unread(f"its URL {problem}")
    host = host_of(url)
    request = urllib.request.Request(  # noqa: S310 — http and https alone, by url_problem
        url, headers={"Accept": "application/json", "User-Agent": "fleet"}
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
            body = answer.read(LARGEST + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise Unread(f"{host} answers HTTP {error.code}") from None
    except urllib.error.URLError as error:
        raise Unread(f"{host}: {cause(error.reason, timeout)}") from None
    except OSError as error:
        raise Unread(f"{host}: {cause(error, timeout)}") from None
    except http.client.HTTPException:
        raise Unread(f"{host} does not answer as HTTP") from None
    if len(body) > LARGEST:
        raise Unread(f"{host} answers more than {LARGEST >> 20} MiB")
    try:
        return json.loads(body)
    except ValueError:
        raise Unread(f"{host} does not answer JSON") from None


def _finite(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Unread(f"its value is {number}, not a number to compare")
    return number
