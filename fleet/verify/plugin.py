"""pytest's plugin in that process: the fixtures ``host`` and ``fleet``, and word of each test to Fleet."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleet.verify.backend import open_host, register
from fleet.verify.channel import FD, Channel

LINES = 12
"""Of what an assertion says."""


@dataclass(frozen=True, slots=True)
class Here:
    """The fixture ``fleet``: what Fleet knows of the host. ``version`` is the one that is deployed."""

    host: str
    role: str
    env: str
    project: str
    version: str
    groups: tuple[str, ...]
    channel: Channel
    connection: Any

    def var(self, name: str) -> Any:
        """A variable of the inventory or of the role's defaults.yml, rendered for the host."""
        return self.channel.ask(var=name)

    def secret(self, name: str) -> str:
        """The value of a variable that is a secret, or holds one. It is masked in all that Fleet prints."""
        return str(self.channel.ask(secret=name))

    def container(self, service: str) -> Any:
        """testinfra's ``docker`` of the service's newest container."""
        return self.connection.docker(self.channel.ask(container=service))


class Plugin:
    def __init__(self, channel: Channel, root: Path) -> None:
        self._channel = channel
        self._root = root
        self._facts = channel.ask(hello=True)
        self._host: Any = None
        self._why: list[tuple[str, str]] = []
        self._outcome = "passed"
        self._seconds = 0.0
        register(channel, self._facts["host"])

    @pytest.fixture(scope="session")
    def host(self) -> Any:
        """The host, over Fleet's own connection."""
        self._host = self._host or open_host(self._facts["host"])
        return self._host

    @pytest.fixture(scope="session")
    def fleet(self, host: Any) -> Here:
        """What Fleet knows of the host."""
        facts = {**self._facts, "groups": tuple(self._facts["groups"])}
        return Here(**facts, channel=self._channel, connection=host)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "setup":
            self._why, self._outcome, self._seconds = [], "passed", 0.0
        self._seconds += report.duration
        if report.failed:
            self._outcome = "failed"
            self._why.append(self._fault(item, call) if call.excinfo else ("", str(report.longrepr)))
        elif report.skipped and self._outcome == "passed":
            self._outcome = "skipped"
            reason = (
                report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
            )
            self._why.append(("", reason.removeprefix("Skipped: ").removeprefix("reason: ")))
        if call.when == "teardown":
            at, why = self._why[0] if self._why else ("", "")
            self._tell(item.name, at or self._place(Path(item.location[0]), item.location[1] or 0), why)
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._outcome, self._seconds = "failed", 0.0
            said = str(report.longrepr).strip().splitlines()
            self._tell("(cannot be read)", report.nodeid, "\n".join(said[-LINES:]))

    def _tell(self, test: str, at: str, why: str) -> None:
        told = {"test": test, "at": at, "outcome": self._outcome, "why": why, "seconds": self._seconds}
        self._channel.tell(tested=told)

    def _fault(self, item: pytest.Item, call: pytest.CallInfo[None]) -> tuple[str, str]:
        """Where the test's own file went wrong, and what it said."""
        assert call.excinfo  # noqa: S101 — asked before
        frames = [
            frame for frame in call.excinfo.traceback if Path(frame.path).is_relative_to(item.path.parent)
        ]
        last = frames[-1] if frames else call.excinfo.traceback[-1]
        said = call.excinfo.exconly().removeprefix("AssertionError: ").splitlines()
        return self._place(Path(last.path), last.lineno), "\n".join(said[:LINES])

    def _place(self, path: Path, line: int) -> str:
        shown = path.relative_to(self._root) if path.is_relative_to(self._root) else path
        return f"{shown}:{line + 1}"


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Plugin(Channel(int(os.environ.pop(FD))), config.rootpath), "fleet-verify")
