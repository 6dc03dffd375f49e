"""Carries out the steps of a scenario, and leaves files and hosts as they were."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.scenarios import MASTER, Inv, Kill, Start, Step, Swap, Variable, Wait
from fleet.errors import FleetError
from fleet.rehearsal import Host

LONGEST = 900.0
"""Seconds after which a command is ended."""
BALANCERS = ("lb-1", "lb-2")


class Broken(Exception):
    """A scenario that cannot go on; the text says why."""


class Hands:
    """For one scenario. ``host`` gives a rehearsal's host by name; ``address`` is the one that is asked."""

    def __init__(self, project: Path, env: str, log: Path, address: str, host: Callable[[str], Host]) -> None:
        self._project = project
        self._env = env
        self._log = log
        self._address = address
        self._host = host
        self._files: dict[Path, bytes] = {}
        self._killed: dict[str, Host] = {}

    async def do(self, steps: Iterable[Step], number: int = 1) -> None:
        """One round. Raises Broken."""
        for step in steps:
            self._note(step)
            try:
                await self._one(step, number)
            except (FleetError, OSError) as error:
                raise Broken(f"{step}: {error}") from error

    def restore(self) -> None:
        """Every file as it was, every host switched on."""
        for path, content in self._files.items():
            path.write_bytes(content)
        self._files.clear()
        for host in self._killed.values():
            host.start()
        self._killed.clear()

    async def _one(self, step: Step, number: int) -> None:
        match step:
            case Inv():
                meanwhile = asyncio.ensure_future(self.do(step.meanwhile, number))
                try:
                    await self._inv(step)
                    await meanwhile
                finally:
                    meanwhile.cancel()
            case Variable():
                line = f"{step.name}: {step.value.replace('{round}', str(number))}\n"
                path = self._project / "inventories" / self._env / "group_vars" / "all.yml"
                text, found = re.subn(rf"^{step.name}:.*\n", lambda _: line, self._read(path), flags=re.M)
                path.write_text(text if found else text.rstrip("\n") + "\n" + line)
            case Swap():
                path = self._project / step.path
                text = self._read(path)
                if step.old not in text:
                    raise Broken(f"{path} has no {step.old!r}: adjust the scenario")
                path.write_text(text.replace(step.old, step.new))
            case Kill():
                host = await asyncio.to_thread(self._named, step.host)
                self._killed[step.host] = host
                await asyncio.to_thread(host.kill)
            case Start():
                await asyncio.to_thread(self._killed[step.host].start)
                del self._killed[step.host]
            case Wait():
                await asyncio.sleep(step.seconds)

    async def _inv(self, step: Inv) -> None:
        beside = Path(sys.executable).with_name("inv")
        own = self._project / ".venv" / "bin" / "inv"
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                str(own if own.exists() else beside),
                *shlex.split(step.words),
                cwd=self._project,
                env={**os.environ, "FLEET_ENV": self._env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Only we interrupt it, and once: a second time would mean that it shall not tidy up.
                start_new_session=True,
            )
            try:
                code = await asyncio.wait_for(process.wait(), LONGEST)
            except TimeoutError:
                raise Broken(f"inv {step.words}: no end after {LONGEST:.0f} s; see {self._log}") from None
            finally:
                if process.returncode is None:
                    process.send_signal(signal.SIGINT)
                    await process.wait()
        if code not in step.exits:
            raise Broken(f"inv {step.words}: exit {code}; see {self._log}")

    def _named(self, name: str) -> Host:
        if name != MASTER:
            return self._host(name)
        for balancer in BALANCERS:
            host = self._host(balancer)
            if f" {self._address}/" in host.run("ip -o -4 address show"):
                return host
        raise Broken(f"none of {', '.join(BALANCERS)} has {self._address}")

    def _read(self, path: Path) -> str:
        content = path.read_bytes()
        self._files.setdefault(path, content)
        return content.decode()

    def _note(self, step: Step) -> None:
        with self._log.open("a") as log:
            log.write(f"--- {step}\n")
