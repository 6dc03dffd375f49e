"""testinfra's backend for hosts that Fleet is connected to: its host keys, its sudo, its jump hosts."""

from __future__ import annotations

import base64
from typing import Any

import testinfra.backend  # type: ignore[import-untyped]
from testinfra.backend.base import BaseBackend, CommandResult  # type: ignore[import-untyped]
from testinfra.host import Host  # type: ignore[import-untyped]

from fleet.verify.channel import Channel, Refused

SCHEME = "fleet"


class FleetBackend(BaseBackend):  # type: ignore[misc]
    """Commands run as the user that ``ansible_become`` says; ``host.sudo()`` is on top of that."""

    NAME = SCHEME
    channel: Channel
    """That of this process: testinfra makes backends by their class."""
    served = ""
    """The host at the other end."""

    def __init__(self, hostname: str, *args: Any, **kwargs: Any) -> None:
        if hostname != self.served:
            raise Refused(
                f"the tests of {self.served} cannot ask {hostname}: each host's tests run for themselves"
            )
        super().__init__(hostname, *args, **kwargs)

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        line = self.get_command(command, *args)
        rc, out, err = self.channel.ask(run=line)
        return self.result(rc, self.encode(line), base64.b64decode(out), base64.b64decode(err))

    def get_encoding(self) -> str:
        # testinfra's own way is to ask the host's Python, and a host needs none.
        return "UTF-8"


def register(channel: Channel, host: str) -> None:
    FleetBackend.channel, FleetBackend.served = channel, host
    testinfra.backend.BACKENDS[SCHEME] = f"{__name__}.{FleetBackend.__name__}"


def open_host(name: str) -> Host:
    return Host.get_host(f"{SCHEME}://{name}")
