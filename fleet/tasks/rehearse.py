"""The rehearsal: a fleet of real hosts on this machine."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from fleet.tasks.common import Given, confirming, operator_task, with_session

WHAT_NEXT = """
It answers at http://{address}/ — try next:
  {call} status --env {env}
  {call} deploy --env {env} --version v42     rolling, batch by batch
  {call} deploy --env {env} --version v44     never gets healthy: see it go back
  {call} exec "docker ps" --env {env} --limit web
  {call} rehearse {flag}--down                          ends it; nothing is left running"""


@operator_task(
    version="the version to deploy",
    down="end the rehearsal: hosts, network and volumes",
    purge="with --down: its images, too",
    vagrant="on machines of the project's Vagrantfile; they are the environment vagrant",
)
def rehearse(
    given: Given, version: str = "v41", down: bool = False, purge: bool = False, vagrant: bool = False
) -> int | None:
    """Boot a fleet of real hosts on this machine and deploy the project onto it."""
    from fleet.app.options import find_root  # noqa: PLC0415
    from fleet.rehearsal import Rehearsal  # noqa: PLC0415

    rehearsal = Rehearsal(find_root(Path.cwd()), print, vagrant=vagrant)
    if down:
        rehearsal.down(purge=purge)
        return None
    rehearsal.up()
    env = "vagrant" if vagrant else "rehearsal"
    options = given.options(needs_version=True, env=env, version=version, yes=True)
    from fleet.app.deploy import deploy as run  # noqa: PLC0415

    code = with_session(options, lambda session: run(session, confirming(options)))
    if not code:
        print(
            WHAT_NEXT.format(
                address=rehearsal.address, call=_called(), env=env, flag="--vagrant " if vagrant else ""
            )
        )
    return code


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
