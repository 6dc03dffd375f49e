"""What a run says at its end, and its exit code."""

from __future__ import annotations

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
