"""Measures against servers on loopback, commands of this machine, and a host whose engine is a script."""

from __future__ import annotations

import json
import pathlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from fleet.errors import Interrupted
from fleet.model.watch import HttpValue, LogRate, PrometheusValue, WatchCommand
from fleet.run.measures import LARGEST, Unread, command_status, http_value, matching_lines, prometheus_value
from fleet.transport.fake import FakeTransport
from tests.support.processes import ends


class Site:
    """Answers every GET with ``body``; ``asked`` holds the paths."""

    def __init__(self) -> None:
        self.status = 200
        self.body: bytes | None = b"{}"
        self.asked: list[str] = []
        self.released = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                if site.body is None:
                    site.released.wait(10)
                    return
                self.send_response(site.status)
                self.end_headers()
                self.wfile.write(site.body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}"

    def says(self, value: object) -> None:
        self.body = json.dumps(value).encode()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "*")
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.released.set()
    site.server.shutdown()
    thread.join()
    site.server.server_close()


def cause(site: Site, path: str = "queue.length") -> str:
    with pytest.raises(Unread) as caught:
        http_value(HttpValue("queue", f"{site.url}/stats?token=secret", path), 0.2)
    assert "secret" not in str(caught.value)
    return caught.value.what.replace(site.host, "HOST")


@pytest.mark.parametrize(
    ("value", "path", "number"),
    [
        ({"queue": {"length": 7}}, "queue.length", 7),
        ({"queue": [{"length": 1.5}, {"length": -2}]}, "queue.1.length", -2),
        ([3, 4], "0", 3),
        (12, "", 12),
        ({"0": 5}, "0", 5),
    ],
)
def test_a_number_in_json(site: Site, value: object, path: str, number: float) -> None:
    site.says(value)
    assert http_value(HttpValue("queue", f"{site.url}/stats?a=1", path)) == number
    assert site.asked == ["/stats?a=1"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({}, "HOST answered no queue"),
        ({"queue": {}}, "HOST answered no queue.length"),
        ({"queue": [1]}, "HOST answered no queue.length"),
        ({"queue": "long"}, "HOST answered no queue.length"),
        (5, "HOST answered no queue"),
        ({"queue": {"length": None}}, "HOST answered null at queue.length, not a number"),
        ({"queue": {"length": True}}, "HOST answered true at queue.length, not a number"),
        ({"queue": {"length": float("nan")}}, "its value is nan, not a number to compare"),
        ({"queue": {"length": 10**400}}, "its value is inf, not a number to compare"),
    ],
)
def test_what_is_no_number_is_told(site: Site, value: object, told: str) -> None:
    site.says(value)
    assert cause(site) == told


def test_what_is_no_answer_is_told(site: Site) -> None:
    site.body = b"<html>"
    assert cause(site) == "HOST does not answer JSON"
    site.body = b" " * (LARGEST + 1)
    assert cause(site) == "HOST answers more than 1 MiB"
    site.status = 503
    assert cause(site) == "HOST answers HTTP 503"
    site.body = None
    assert cause(site) == "HOST: no answer within 0.2 s"
    with pytest.raises(Unread, match=r"127\.0\.0\.1:1: Connection refused"):
        http_value(HttpValue("queue", "http://127.0.0.1:1/", "x"))
    with pytest.raises(Unread, match=r"its URL must be https"):
        http_value(HttpValue("queue", "file:///etc/passwd", "x"))


def prometheus(site: Site, kind: str, result: object) -> float:
    site.says({"status": "success", "data": {"resultType": kind, "result": result}})
    return prometheus_value(PrometheusValue("rate", f"{site.url}/", 'rate(x{a="b c"}[1m]) > 0'))


def test_the_first_value_of_a_query(site: Site) -> None:
    several = [{"metric": {}, "value": [1700000000.1, "0.25"]}, {"metric": {}, "value": [1, "9"]}]
    assert prometheus(site, "vector", several) == 0.25
    assert prometheus(site, "scalar", [1700000000.1, "4"]) == 4
    url = urlsplit(site.asked[0])
    assert (url.path, parse_qs(url.query)) == ("/api/v1/query", {"query": ['rate(x{a="b c"}[1m]) > 0']})


def test_a_query_without_a_number(site: Site) -> None:
    with pytest.raises(Unread, match="the query has no result"):
        prometheus(site, "vector", [])
    with pytest.raises(Unread, match="its value is nan"):
        prometheus(site, "scalar", [1, "NaN"])
    with pytest.raises(Unread, match="does not answer as Prometheus does"):
        prometheus(site, "matrix", [{"metric": {}, "values": [[1, "2"]]}])
    site.says({"status": "success"})
    with pytest.raises(Unread, match="does not answer as Prometheus does"):
        prometheus_value(PrometheusValue("rate", site.url, "x"))
    site.status = 400
    with pytest.raises(Unread, match="answers HTTP 400"):
        prometheus_value(PrometheusValue("rate", site.url, "x("))


def test_a_command_and_its_last_words(tmp_path: pathlib.Path) -> None:
    go_on = threading.Event()

    def status(*words: str) -> float:
        return command_status(WatchCommand("smoke", words), go_on, 5)

    assert status("sh", "-c", "echo fine") == 0
    with pytest.raises(Unread, match=r"^exit status 3: refused$"):
        status("sh", "-c", "echo out; echo first >&2; echo refused >&2; exit 3")
    with pytest.raises(Unread, match=r"^exit status 1$"):
        status("false")
    with pytest.raises(Unread, match=r"^killed by SIGTERM$"):
        status("sh", "-c", "kill $$")
    with pytest.raises(Unread, match=r"exit status 127: .*not found"):
        status("no-such-program")
    with pytest.raises(Unread, match=r"exit status 2: .*\$HOME"):
        status("ls", "$HOME; true")


def test_a_command_leaves_nothing_running(tmp_path: pathlib.Path) -> None:
    told = tmp_path / "pid"
    measure = WatchCommand("smoke", ("sh", "-c", f"sleep 60 & echo $! >{told}; wait"))
    with pytest.raises(Unread, match=r"no end after 0\.5 s"):
        command_status(measure, threading.Event(), 0.5)
    assert ends(int(told.read_text()))
    told.unlink()
    cancel = threading.Event()

    def stop() -> None:
        while not (told.exists() and told.read_text().strip()):
            time.sleep(0.01)
        cancel.set()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(Interrupted):
        command_status(measure, cancel, 30)
    stopper.join()
    assert ends(int(told.read_text()))


ENGINE = """#!/bin/sh
echo "$*" >>asked
[ "$1 $2" = "logs --since" ] || exit 9
case $4 in
  a) echo "panic: one"; echo "panic: two" >&2; echo "fine" ;;
  b) echo "panic: three"; echo "timeout after 3 s" ;;
  quiet) ;;
  *) echo "Error: No such container: $4" >&2; exit 1 ;;
esac
"""
PANICS = LogRate("panics", "^panic: ", 1)
SLOW = LogRate("slow", "(timeout|slow) .*'?[0-9]+ s$", 1)


@pytest.fixture
def host(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> FakeTransport:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "docker"
    program.write_text(ENGINE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return FakeTransport("web-1", tmp_path)


def test_lines_are_counted_on_the_host(host: FakeTransport, tmp_path: pathlib.Path) -> None:
    counts = matching_lines(host, ["a", "b", "quiet"], [PANICS, SLOW], 12.3456, threading.Event())
    assert counts == {"panics": 3, "slow": 1}
    assert host.calls == 1
    assert (tmp_path / "asked").read_text().splitlines()[0] == "logs --since 12.346s a"


def test_a_log_that_cannot_be_read(host: FakeTransport) -> None:
    with pytest.raises(Unread) as caught:
        matching_lines(host, ["a", "gone"], [PANICS], 10, threading.Event())
    assert caught.value.what == (
        "the logs of web-1 cannot be read: exit status 1: Error: No such container: gone"
    )
    with pytest.raises(Unread, match="cannot be read: exit status 1: grep: "):
        matching_lines(host, ["a"], [LogRate("bad", "(", 1)], 10, threading.Event())
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        matching_lines(host, ["a"], [PANICS], 10, stop)
