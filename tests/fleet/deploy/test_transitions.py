"""What a service waits for before its start, before its stop and after it, on a real host."""

from __future__ import annotations

from collections.abc import Callable

from fleet.rehearsal import Host
from tests.support.look import answer, ids
from tests.support.project import Project


def test_nothing_starts_or_stops_before_what_it_waits_for(
    project: Project, web: Callable[[int], Host]
) -> None:
    host = web(1)
    absent = {
        name: {"command": ["test", "!", "-e", f"/tmp/{project.name}.{name}"]}
        for name in ("down", "busy", "lock")
    }
    around = {
        "pre_start": {
            "deadline": "1s",
            "checks": [{"tcp": {"host": "127.0.0.1", "port": 22}}, absent["down"]],
        },
        "pre_stop": {"deadline": "2s", "checks": [{"exec": ["/app", "health"]}, absent["busy"]]},
        "stopped": {"deadline": "2s", "checks": [{"free": {"port": 8001}}, absent["lock"]]},
    }
    project.inventory({"web": ["web-1"]})
    project.role(x=around, gate={"deadline": "15s"})
    project.deploy("v1").ended(0).says("✓ pre-start of web.app: tcp 127.0.0.1:22, then command test")
    before = ids(host)

    cases = {
        "down": ("web.app: pre-start failed", "pre-start: not within 1 s: command test",
                 "nothing was stopped"),
        "busy": ("web.app: pre-stop failed", "pre-stop: not within 2 s: command test", "it was not stopped"),
        "lock": ("replace web.app (image v1 → v2): what is to be seen after the stop was not",
                 "stopped: not within 2 s: command test", "the container from before runs again"),
    }  # fmt: skip
    for name, told in cases.items():
        host.run(f"touch /tmp/{project.name}.{name}")
        project.deploy("v2").ended(3).says(*told)
        assert ids(host) == before, "the container is the one that ran"
        assert answer(host) == "ok v1"
        host.run(f"rm /tmp/{project.name}.{name}")

    project.plan("v2").ended(2).says(
        "stopped: free :8001, then command", "pre-stop of web.app: exec /app health"
    )
    project.deploy("v2").ended(0).says("✓ pre-stop of web.app")
    assert answer(host) == "ok v2"
