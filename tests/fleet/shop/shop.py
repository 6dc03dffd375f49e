"""The sample shop on nine real hosts, an operator's words to it, and customers who notice everything."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import testinfra
import yaml

from fleet.rehearsal import Host, Rehearsal
from fleet.rehearsal.traffic.crowd import mixture
from fleet.rehearsal.traffic.tally import Failure
from tests.support import warm
from tests.support.load import Load, start
from tests.support.project import Done, Running
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
ENV = "suite"
HERE, SUITE = "172.30.7.", "172.30.8."
FRONT, SECOND = (f"http://{SUITE}{number}/" for number in (11, 12))
BALANCERS = {"lb-1": FRONT, "lb-2": SECOND}
WEBS = ("web-1", "web-2", "web-3")
CUSTOMERS = mixture(15)
"""At each balancer: 15 pages a second, and a few orders, slow senders and slow readers."""


@dataclass(slots=True)
class Span:
    """What customers saw while something was done, by the address that they asked."""

    loads: dict[str, Load] = field(default_factory=dict)

    @property
    def versions(self) -> set[str]:
        """Those that answered."""
        return {version for load in self.loads.values() for version in load.tally.versions}

    @property
    def failures(self) -> list[Failure]:
        return [failure for load in self.loads.values() for failure in load.tally.failures]

    @property
    def orders(self) -> list[int]:
        """That were acknowledged."""
        return [order for load in self.loads.values() for order in load.tally.orders]


@dataclass
class Shop:
    """``root`` is the operator's project; ``first`` the first deploy; ``orders`` were acknowledged so far."""

    root: Path
    first: Done | None = None
    orders: list[int] = field(default_factory=list)

    @cached_property
    def rehearsal(self) -> Rehearsal:
        return Rehearsal(self.root, print, ENV)

    def made(self) -> None:
        """The repository's own inventory and roles, at addresses beside those of any rehearsal that runs."""
        shutil.copytree(ROOT / "roles", self.root / "roles")
        for compose in self.root.glob("roles/*/compose.yml"):
            # How long a gate looks on is tried elsewhere; and so often, checks take a tenth of the machine.
            text = compose.read_text().replace("monitor: 3s", "monitor: 1s")
            compose.write_text(text.replace("interval: 3s", "interval: 6s"))
        shutil.copy(ROOT / "tasks.py", self.root)
        source, target = ROOT / "inventories" / "rehearsal", self.root / "inventories" / ENV
        for path in [source / "hosts.yml", *source.glob("group_vars/*")]:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(
                path.read_text().replace(HERE, SUITE).replace(".fleet/rehearsal", f".fleet/{ENV}")
            )

    def inv(self, *words: str) -> Done:
        """What an operator types, and what comes back."""
        began = time.monotonic()
        typed = (words[0], "--env", ENV, *words[1:])
        ended = warm.run(typed, self.root, os.environ, timeout=300, program="inv")
        done = Done(*ended, time.monotonic() - began)
        print(f"$ inv {' '.join(words)}\n{done.text}→ exit code {done.code}, {done.seconds:.1f} s\n")
        return done

    def answers(self, balancer: str) -> bool:
        """It serves the shop."""
        try:
            return bool(page(BALANCERS[balancer]))
        except OSError:
            return False

    def begun(self, *words: str) -> Running:
        """The same, and something can be done meanwhile."""
        process = subprocess.Popen(
            [str(BIN / "inv"), words[0], "--env", ENV, *words[1:]],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Running(process, words)

    def deploy(self, version: str, *words: str) -> Done:
        return self.inv("deploy", "--version", version, "--yes", *words)

    @contextmanager
    def variables(self, group: str, **values: Any) -> Iterator[None]:
        """Variables of a group in the inventory, for as long as this lasts."""
        path = self.root / "inventories" / ENV / "group_vars" / f"{group}.yml"
        path.write_text(yaml.safe_dump(values))
        yield
        path.unlink()

    @contextmanager
    def edited(self, path: str, old: str, new: str) -> Iterator[None]:
        """Other words in a file of the roles, for as long as this lasts."""
        file = self.root / "roles" / path
        before = file.read_text()
        assert old in before
        file.write_text(before.replace(old, new))
        yield
        file.write_text(before)

    @contextmanager
    def no_request_lost(self, *urls: str) -> Iterator[Span]:
        """Customers of every kind at these addresses, else at both balancers: each gets all it asks for."""
        with self.customers(*urls) as span:
            yield span
        assert not span.failures

    @contextmanager
    def customers(self, *urls: str) -> Iterator[Span]:
        """Customers of every kind. They were served before this begins, and have their answers at its end."""
        span = Span()
        try:
            for url in urls or BALANCERS.values():
                span.loads[url] = start(url, CUSTOMERS)
            for load in span.loads.values():
                until(lambda load=load: load.tally.requests >= len(CUSTOMERS), "nobody is served")  # type: ignore[misc]
            yield span
        finally:
            for url, load in span.loads.items():
                tally = load.stop()
                print(f"{url}: {tally.requests} requests in {tally.now:.0f} s, by {sorted(tally.versions)}")
                print("\n".join(map(str, tally.failures)))
            self.orders += span.orders

    def host(self, name: str) -> Host:
        return self.rehearsal.host(name)

    def eye(self, address: str) -> testinfra.host.Host:
        """The host through an eye that is not Fleet's."""
        config = self.root / "ssh_config"
        config.write_text(
            f"Host *\n  User deploy\n  IdentityFile {self.root}/.fleet/{ENV}/id_ed25519\n"
            f"  UserKnownHostsFile {self.root}/inventories/{ENV}/known_hosts\n  StrictHostKeyChecking yes\n"
        )
        return testinfra.get_host(f"ssh://{SUITE}{address}", ssh_config=str(config), sudo=True)

    def containers(self, service: str, *hosts: str) -> dict[str, list[str]]:
        """Ids of a service's containers that run, by host; ``service`` as ``web-app``."""
        command = f"docker ps --no-trunc -q --filter name=shop-{ENV}-{service}"
        return {name: sorted(self.host(name).run(command).split()) for name in hosts}

    def versions(self) -> dict[str, list[str]]:
        """What the web hosts run."""
        command = f"docker ps --filter name=shop-{ENV}-web-app --format '{{{{.Label \"fleet.release\"}}}}'"
        return {name: sorted(self.host(name).run(command).split()) for name in WEBS}

    def seen(self, balancer: str, column: str = "status") -> dict[str, str]:
        """A column of the shop's servers in this balancer's own statistics, by server."""
        with urllib.request.urlopen(f"{BALANCERS[balancer].rstrip('/')}:8404/;csv", timeout=5) as answer:
            rows = csv.DictReader(answer.read().decode().lstrip("# ").splitlines())
        return {
            row["svname"]: row[column]
            for row in rows
            if row["pxname"] == "shop" and row["svname"] not in {"BACKEND", "FRONTEND"}
        }

    def serving(self, host: str, balancer: str) -> int:
        """How many servers of the host the balancer sends requests to."""
        seen = self.seen(balancer)
        return sum(seen[f"{host}-{colour}"] == "UP" for colour in ("blue", "green"))

    def packed(self, order: int) -> bool:
        """Whether the worker packs it within some seconds."""

        def done() -> bool:
            sql = f"SELECT state FROM orders WHERE id = {order}"
            return self.ask_database(sql) == ["done"]

        until(done, f"order {order} is not packed")
        return True

    def ask_database(self, sql: str) -> list[str]:
        """The first column of each row."""
        name = f"shop-{ENV}-database-postgres-1"
        return self.host("db-1").run(f'docker exec {name} psql -U shop -At -c "{sql}"', user="root").split()

    def worker(self, balancer: str) -> str:
        """The newest process of HAProxy there."""
        return self.host(balancer).run("pgrep -n -x haproxy").strip()


def page(url: str = FRONT) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def answer(url: str) -> tuple[int, str]:
    """Status and body, whatever the status is."""
    try:
        with urllib.request.urlopen(url, timeout=5) as good:
            return good.status, str(good.read().decode())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
