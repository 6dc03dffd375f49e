"""How a run is told: its exit code, the outcome in one line, and what to do next."""

from __future__ import annotations

from fleet.errors import Exit
from fleet.model.desired import Desired
from fleet.run.executor import Ending, Outcome


def verdict(
    command: str, desired: Desired, earlier: str, outcome: Outcome, back: Outcome | None
) -> tuple[Exit, str, str]:
    """``earlier``: the version before; ``back``: how going back to it ended, if it was tried."""
    version, env = desired.version, desired.env
    again = f"inv {command} --env {env}"
    # What was on trial is not gone on with by a deploy: it says nothing of which of the two is wanted.
    resume = again if command in {"promote", "abort"} else f"inv deploy --env {env} --resume"
    bundle = next((one for error in outcome.errors.values() if (one := getattr(error, "bundle", ""))), "")
    look = f"see {bundle}; " if bundle else ""
    if back is not None and back.ending is not Ending.LOST:
        if back.ending is Ending.DONE:
            text = f"{version} failed and was rolled back: {outcome.why}"
            return Exit.ROLLED_BACK, text, f"{look}correct it, then {again} again"
        text = f"{version} failed ({outcome.why}), and so did the way back: {back.why or back.ending.value}"
        return Exit.FAILED, text, f"{look}look at the hosts above, then try inv rollback --env {env}"
    match back.ending if back else outcome.ending:
        case Ending.DONE | Ending.UNDECIDED:
            return Exit.OK, f"{env} is at {version}: {outcome.finished} steps", ""
        case Ending.DRIFT:
            text = f"stopped: a host changed since the plan was made ({outcome.why})"
            return Exit.DRIFT, text, f"make a new plan: {again} shows it"
        case Ending.INTERRUPTED:
            text = f"interrupted: {version} is on a part of {env}"
            return Exit.INTERRUPTED, text, f"{resume} goes on from here; inv rollback --env {env} goes back"
        case Ending.LOST:
            text = f"stopped: the lease was lost; {version} is on a part of {env}"
            return Exit.LOCKED, text, f"inv lock --env {env} shows who works now; then {resume} goes on"
        case _:
            text = f"failed: {outcome.why}; nothing further was begun"
            going = f"{resume} goes on, inv rollback --env {env} goes back"
            return Exit.FAILED, text, f"{look}correct it, then {going}"
