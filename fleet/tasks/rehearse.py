"""The rehearsal: a fleet of real hosts on this machine."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.errors import Exit, UsageError
from fleet.tasks.common import Given, confirming, operator_task, with_session

if TYPE_CHECKING:
    from fleet.rehearsal import Rehearsal
    from fleet.rehearsal.faults.site import Site

WHAT_NEXT = """
It answers at http://{address}/ — try next:
  {call} status --env rehearsal
  {call} deploy --env rehearsal --version v42     rolling, batch by batch
  {call} deploy --env rehearsal --version v44     never gets healthy: see it go back
  {call} exec "docker ps" --env rehearsal --limit web
  {call} rehearse --fault host-dies               break something in the middle of a deploy
  {call} rehearse --down                          ends it; nothing is left running"""
ON_VAGRANT = """
It answers at http://{address}/ — try next:
  {call} status --env vagrant
  {call} deploy --env vagrant --version v42       rolling, batch by batch
  {call} rehearse --vagrant --down                ends it; nothing is left running"""
ENV = "rehearsal"
NEXT = ("v42", "v41")
"""What is deployed while something breaks: the first of them that is not there already."""


@operator_task(
    "json",
    version="the version to deploy",
    fault="then deploy another one under load, break something meanwhile, and report: host-dies, …",
    down="end the rehearsal: hosts, network and volumes",
    purge="with --down: its images, too",
    vagrant="on machines of the project's Vagrantfile; they are the environment vagrant",
)
def rehearse(
    given: Given, version: str = "v41", fault: str = "", down: bool = False, purge: bool = False,
    vagrant: bool = False,
) -> int | None:  # fmt: skip
    """Boot a fleet of real hosts on this machine and deploy the project onto it."""
    from fleet.app.options import find_root  # noqa: PLC0415
    from fleet.rehearsal import Rehearsal  # noqa: PLC0415

    # With --json standard output is for machines only.
    say = partial(print, file=sys.stderr if given["json"] else sys.stdout, flush=True)
    root = find_root(Path.cwd())
    rehearsal = Rehearsal(root, say, ENV, vagrant=vagrant)
    if vagrant and fault:
        raise UsageError("--fault breaks the rehearsal's own containers", hint="say it without --vagrant")
    if down and fault:
        raise UsageError("--fault breaks something in a rehearsal, --down ends it", hint="say one of them")
    if down:
        rehearsal.down(purge=purge)
        return None
    site = _site(root, fault, rehearsal)
    rehearsal.up()
    options = given.options(needs_version=True, env="vagrant" if vagrant else ENV, version=version, yes=True)
    from fleet.app.deploy import deploy as run  # noqa: PLC0415

    code = with_session(options, lambda session: run(session, confirming(options)))
    if code:
        return code
    if site:
        return _with_fault(fault, site, next(one for one in NEXT if one != version), say, given["json"])
    if not given["json"]:
        print((ON_VAGRANT if vagrant else WHAT_NEXT).format(address=rehearsal.address, call=_called()))
    return code


def _site(root: Path, fault: str, rehearsal: Rehearsal) -> Site | None:
    """Where it is to break; None where nothing is. Raises UsageError before anything is begun."""
    from fleet.rehearsal.faults import FAULTS  # noqa: PLC0415
    from fleet.rehearsal.faults.site import Site  # noqa: PLC0415
    from fleet.suggest import suggest  # noqa: PLC0415

    if fault and fault not in FAULTS:
        raise UsageError(f"--fault {fault}{suggest(fault, FAULTS)}", hint=f"one of {', '.join(FAULTS)}")
    return Site(root, ENV, rehearsal.host) if fault else None


def _with_fault(name: str, site: Site, version: str, say: Callable[[str], None], for_machines: bool) -> int:
    """Break it in the middle of a deploy, and tell what became of everything."""
    from fleet.rehearsal.faults import FAULTS  # noqa: PLC0415
    from fleet.rehearsal.faults.play import play  # noqa: PLC0415
    from fleet.rehearsal.faults.text import record, report_lines  # noqa: PLC0415
    from fleet.rehearsal.faults.verdict import broken  # noqa: PLC0415

    fault = FAULTS[name]
    say(f"\n{fault.title}:\n{version} is deployed meanwhile, under load")
    story = play(name, fault, site, version, say)
    not_kept = broken(fault, story)
    if for_machines:
        print(json.dumps(record(fault, story, not_kept), ensure_ascii=False))
    else:
        print("\n".join(["", *report_lines(fault, story, not_kept)]))
    return int(Exit.FAILED if not_kept else Exit.OK)


@operator_task()
def init(given: Given) -> None:
    """Write a small project into this directory; it deploys onto the rehearsal as it is."""
    from fleet.app.init import init as run  # noqa: PLC0415

    for name in run(Path.cwd()):
        print(f"  {name}")
    print("What next: README.md says it; begin with: fleet rehearse")


def _called() -> str:
    """The program as the operator may call it again: by its name, where that is found."""
    program = Path(sys.argv[0])
    if shutil.which(program.name):
        return program.name
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)
