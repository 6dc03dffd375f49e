"""The rehearsal: a fleet of real hosts on this machine."""

from __future__ import annotations

from pathlib import Path

from fleet.tasks.common import Given, confirming, operator_task, with_session

WHAT_NEXT = """
The shop is at http://{address}/ — try next:
  .venv/bin/inv status --env rehearsal
  .venv/bin/inv deploy --env rehearsal --version v42     rolling, batch by batch
  .venv/bin/inv deploy --env rehearsal --version v44     never gets healthy: see it go back
  .venv/bin/inv exec "docker ps" --env rehearsal --limit web
  .venv/bin/inv rehearse --down                          ends it; nothing is left running"""


@operator_task(
    version="the version of the shop to deploy",
    down="end the rehearsal: hosts, network and volumes",
    purge="with --down: its images, too",
)
def rehearse(given: Given, version: str = "v41", down: bool = False, purge: bool = False) -> int | None:
    """Boot a fleet of real hosts on this machine and deploy the sample shop onto it."""
    from fleet.app.options import find_root  # noqa: PLC0415
    from fleet.rehearsal import Rehearsal  # noqa: PLC0415

    rehearsal = Rehearsal(find_root(Path.cwd()), print)
    if down:
        rehearsal.down(purge=purge)
        return None
    rehearsal.up()
    options = given.options(needs_version=True, env="rehearsal", version=version, yes=True)
    from fleet.app.deploy import deploy as run  # noqa: PLC0415

    code = with_session(options, lambda session: run(session, confirming(options)))
    if not code:
        print(WHAT_NEXT.format(address=rehearsal.address))
    return code
