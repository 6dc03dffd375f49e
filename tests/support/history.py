"""Small histories of releases for unit tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fleet.model.desired import Desired
from fleet.model.hosts import Group, Host, Inventory
from fleet.model.releases import Entry, Head, JobRun, Outcome, Record, Release

AT = "2026-01-31T10:00:00+00:00"


def release(
    number: int, version: str, outcome: Outcome = Outcome.GOOD, of: int = 0, job: JobRun | None = None
) -> Release:
    """Begun, with a job that ran if it is given, and ended unless ``outcome`` is running."""
    entries = [Entry(AT, f"run-{number}", "anna", Outcome.RUNNING)]
    entries += [Entry(AT, f"run-{number}", "anna", job=job)] if job else []
    ended = Entry(AT, f"run-{number}", "anna", outcome, 72, hosts=("web-1",))
    entries += [ended] if outcome is not Outcome.RUNNING else []
    return Release(head(number, version, of), tuple(entries))


def head(number: int, version: str, of: int = 0) -> Head:
    command = "rollback" if of else "deploy"
    return Head(number, "test", version, AT, "anna", "laptop", f"run-{number}", command, of, hosts=("web-1",))


def record(desired: Desired, number: int = 5, marks: Mapping[str, Mapping[str, str]] | None = None) -> Record:
    return Record(head(number, desired.version), desired, marks=marks or {})


def inventory(groups: Mapping[str, tuple[str, ...]], addresses: Mapping[str, str] | None = None) -> Inventory:
    """Hosts in the order in which the groups first name them."""
    names = dict.fromkeys(host for hosts in groups.values() for host in hosts)
    hosts = {
        name: Host(name, vars={"ansible_host": addresses[name]} if addresses and name in addresses else {})
        for name in names
    }
    found = {name: Group(name, hosts, (), hosts) for name, hosts in groups.items()}
    return Inventory("test", Path("inventories/test"), hosts, found)
