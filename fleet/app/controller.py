"""What has to be right with this machine before a host is asked anything."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from fleet.app.session import Session
from fleet.app.validate import check_rest
from fleet.errors import FleetError
from fleet.health.examine import gigabytes
from fleet.model.desired import Desired
from fleet.model.examined import Diagnosis, Verdict
from fleet.model.refs import all_refs

LITTLE = 200_000_000
"""Free bytes below which the journals of runs may soon find no room."""

FILES_PER_HOST = 4
"""A connection, and what opens beside it while images are pulled and balancers asked."""


def controller(session: Session, desired: Desired | FleetError) -> Iterator[Diagnosis]:
    """``desired``, or why it cannot be had."""
    yield _files(session, desired)
    if isinstance(desired, Desired):
        yield from _secrets(session, desired)
    yield _known_hosts(session)
    yield _journals(session.options.root)
    yield _open_files(len(session.hosts))


def _files(session: Session, desired: Desired | FleetError) -> Diagnosis:
    if isinstance(desired, Desired):
        try:
            check_rest(session)
        except FleetError as error:
            return Diagnosis("files", "", Verdict.ERROR, str(error))
        services = sum(len(state.services) for state in desired.hosts)
        text = f"inventory and roles are valid: services on these hosts: {services}"
        return Diagnosis("files", "", Verdict.OK, text)
    return Diagnosis("files", "", Verdict.ERROR, str(desired))


def _secrets(session: Session, desired: Desired) -> Iterator[Diagnosis]:
    refs = all_refs(desired, session.registries())
    try:
        session.unlock(refs)
    except FleetError as error:
        yield Diagnosis("secrets", "", Verdict.ERROR, str(error))
    else:
        if refs:
            yield Diagnosis("secrets", "", Verdict.OK, f"{len(refs)} can be had")


def _known_hosts(session: Session) -> Diagnosis:
    env = session.options.env
    file = Path("inventories", env, "known_hosts")
    if (session.options.root / file).is_file():
        return Diagnosis("host keys", "", Verdict.OK, f"{file} is there")
    remedy = f"inv trust --env {env} collects the keys, and shows them first"
    return Diagnosis("host keys", "", Verdict.WARNING, f"there is no {file}: your own files decide", remedy)


def _journals(root: Path) -> Diagnosis:
    place = root / ".fleet"
    there = place if place.is_dir() else root
    if not os.access(there, os.W_OK):
        remedy = "let your user write it: every run keeps its journal there"
        return Diagnosis("disk", "", Verdict.ERROR, f"{there} cannot be written", remedy)
    free = shutil.disk_usage(there).free
    text = f"{gigabytes(free)} free in {there}"
    if free < LITTLE:
        return Diagnosis("disk", "", Verdict.WARNING, text, f"remove old runs: {place}/runs")
    return Diagnosis("disk", "", Verdict.OK, text)


def _open_files(hosts: int) -> Diagnosis:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = 64 + FILES_PER_HOST * hosts
    if resource.RLIM_INFINITY != limit < need:
        text = f"this shell may open {limit} files, and {hosts} hosts may need {need}"
        return Diagnosis("open files", "", Verdict.WARNING, text, f"ulimit -n {need}")
    return Diagnosis("open files", "", Verdict.OK, "enough may be open at once")
