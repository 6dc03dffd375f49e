"""What a run says at its end, and its exit code."""

from __future__ import annotations

import pytest

from fleet.app.verdict import verdict
from fleet.errors import Exit
from fleet.run.executor import Ending, Outcome
from tests.support.build import desired, service


def test_a_lease_that_is_lost_on_the_way_back_is_no_way_back_that_failed() -> None:
    wish = desired({"web-1": [service()]}, "v2")
    failed = Outcome(Ending.ROLL_BACK, why="web.app failed on web-1")
    code, text, hint = verdict("deploy", wish, "v1", failed, Outcome(Ending.LOST))
    assert code is Exit.LOCKED
    assert text == "stopped: the lease was lost; v2 is on a part of test"
    assert hint == "inv lock --env test shows who works now; then inv deploy --env test --resume goes on"


@pytest.mark.parametrize("command", ["promote", "abort"])
@pytest.mark.parametrize("ending", [Ending.INTERRUPTED, Ending.LOST, Ending.FAILED])
def test_the_end_of_a_trial_is_gone_on_with_by_itself_and_not_by_a_deploy(
    command: str, ending: Ending
) -> None:
    wish = desired({"web-1": [service()]}, "v2")
    _, _, hint = verdict(command, wish, "v1", Outcome(ending), None)
    assert f"inv {command} --env test goes on" in hint
    assert "--resume" not in hint
