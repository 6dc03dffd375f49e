"""A new version on trial, promoted or aborted: by another controller, and after a cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from fleet.app.by_hand import drain
from fleet.app.deploy import plan
from fleet.app.locks import lock
from fleet.app.resume import converge, resume
from fleet.app.rollback import rollback
from fleet.app.status import status
from fleet.app.trial import abort, promote
from fleet.errors import Exit, FleetError, Locked, UsageError
from tests.support.behind import BLUE_GREEN, WATCHED, WEBS, Behind, never

BLUE = {f"{host}-blue": 100 for host in WEBS}
GREEN = {f"{host}-green": 100 for host in WEBS}


def shares(blue: int, green: int) -> dict[str, int]:
    return {
        f"{host}-{colour}": weight for host in WEBS for colour, weight in (("blue", blue), ("green", green))
    }


def take_over(behind: Behind, **options: Any) -> Exit:
    return promote(behind.session("unknown", **options), never)


def take_back(behind: Behind, **options: Any) -> Exit:
    return abort(behind.session("unknown", **options), never)


def both(old: str = "v1", new: str = "v2") -> dict[str, list[str]]:
    return {host: [old, new] for host in WEBS}


def only(version: str) -> dict[str, list[str]]:
    return {host: [version] for host in WEBS}


@pytest.fixture
def before(behind: Behind) -> Behind:
    """v1 serves behind blue."""
    behind.configure(**BLUE_GREEN)
    assert behind.bring() is Exit.OK
    assert behind.weights == BLUE
    return behind


@pytest.fixture
def tried(before: Behind) -> Behind:
    """v2 stands beside it, and gets half."""
    assert before.bring("v2") is Exit.OK
    return before


class TestDeploy:
    def test_it_ends_on_trial_with_both_of_them_serving(self, tried: Behind) -> None:
        finished = tried.shop.told.finished
        assert "v2 is on trial in test, beside what ran before: web.app" in finished.outcome
        assert "inv promote --env test" in finished.hint
        assert tried.weights == shares(50, 50)
        assert tried.web == both()
        assert tried.outcomes == ["v1 good", "v2 on-trial"]

    def test_the_weight_may_be_given(self, before: Behind) -> None:
        assert before.bring("v2", weight=10) is Exit.OK
        assert before.weights == shares(90, 10)

    def test_status_tells_the_share_of_each_container(self, tried: Behind) -> None:
        assert status(tried.session()) is Exit.OK
        assert "release 2 (v2) is on trial; inv promote --env test goes on with it" in tried.shop.told.text
        assert "50 %" in repr(tried.shop.told.rows)

    def test_a_host_kept_out_of_traffic_gets_none_of_the_new_version(self, before: Behind) -> None:
        assert drain(before.session(limit="web-2"), never, "disk") is Exit.OK
        assert before.bring("v2") is Exit.OK
        assert set(before.weights) == {name for name in shares(1, 1) if not name.startswith("web-2")}
        assert take_over(before) is Exit.OK
        assert before.weights == {name: 100 for name in GREEN if name != "web-2-green"}

    @pytest.mark.parametrize(
        "again",
        [
            lambda behind: behind.bring("v3"),
            lambda behind: behind.bring("v2"),
            lambda behind: plan(behind.session("v3"), None),
            lambda behind: resume(behind.session("unknown"), never),
            lambda behind: converge(behind.session("unknown"), never),
        ],
    )
    def test_nothing_else_begins_meanwhile(self, tried: Behind, again: Callable[[Behind], Exit]) -> None:
        before = tried.ids
        with pytest.raises(UsageError, match=r"release 2 \(v2\) is on trial in test") as caught:
            again(tried)
        assert "inv promote --env test" in caught.value.hint
        assert "inv abort --env test" in caught.value.hint
        assert tried.ids == before
        assert tried.outcomes == ["v1 good", "v2 on-trial"]

    def test_a_rollback_takes_it_back_too(self, tried: Behind) -> None:
        assert rollback(tried.session("unknown"), never, "") is Exit.OK
        assert tried.web == only("v1")
        assert tried.weights == BLUE

    def test_a_new_version_that_is_sick_never_gets_a_request(self, before: Behind) -> None:
        for host in WEBS:
            before.fleet.host(host).sick.add("v2")
        was = before.ids
        assert before.bring("v2") is Exit.ROLLED_BACK
        assert not [word for word in before.told if word.endswith("green state ready")]
        assert before.weights == BLUE
        assert before.ids == was


class TestPromote:
    def test_it_takes_over(self, tried: Behind) -> None:
        assert take_over(tried) is Exit.OK
        assert tried.web == only("v2")
        assert tried.weights == GREEN
        assert tried.outcomes == ["v1 good", "v2 good"]

    def test_the_old_one_is_drained_before_it_goes(self, tried: Behind) -> None:
        def still_there() -> None:
            assert tried.web["web-1"] == ["v1", "v2"]
            assert tried.lbs["lb-1"].serving["web-1-green"] == 100

        tried.when("web-1-blue state drain", still_there)
        assert take_over(tried) is Exit.OK

    def test_the_next_version_comes_to_the_other_colour(self, tried: Behind) -> None:
        take_over(tried)
        assert tried.bring("v3") is Exit.OK
        assert tried.weights == shares(50, 50)
        assert take_over(tried) is Exit.OK
        assert tried.weights == BLUE
        assert tried.web == only("v3")

    def test_with_check_it_shows_and_changes_nothing(self, tried: Behind) -> None:
        before = tried.ids
        assert take_over(tried, check=True) is Exit.CHANGES
        assert tried.ids == before
        assert tried.outcomes[-1] == "v2 on-trial"

    def test_one_that_says_no_changes_nothing(self, tried: Behind) -> None:
        assert promote(tried.session("unknown", yes=False), lambda question: False) is Exit.FAILED
        assert tried.web == both()
        assert tried.outcomes[-1] == "v2 on-trial"

    def test_a_cut_in_the_middle_is_gone_on_with(self, tried: Behind) -> None:
        tried.when("web-2-blue state drain", lambda: setattr(tried.fleet.host("web-2"), "lost", True))
        assert take_over(tried, on_failure="pause") is not Exit.OK
        assert "inv promote --env test goes on" in tried.shop.told.finished.hint
        assert tried.lbs["lb-1"].serving["web-1-green"] == 100
        assert status(tried.session()) is Exit.UNREACHABLE
        assert "it is still on trial: inv promote --env test goes on" in tried.shop.told.text
        tried.fleet.host("web-2").lost = False
        for begin in (lambda: tried.bring("v3"), lambda: resume(tried.session("unknown"), never)):
            with pytest.raises(UsageError, match="is on trial"):
                begin()
        assert take_over(tried) is Exit.OK
        assert tried.weights == GREEN
        assert tried.web == only("v2")
        assert tried.outcomes[-1] == "v2 good"

    def test_one_that_goes_back_after_a_cut_is_tried_anew(self, tried: Behind) -> None:
        """With ``failure_action: rollback`` the hosts that answer are back at v1: its trial begins again."""
        tried.when("web-2-blue state drain", lambda: setattr(tried.fleet.host("web-2"), "lost", True))
        assert take_over(tried) is Exit.FAILED
        tried.fleet.host("web-2").lost = False
        assert take_over(tried) is Exit.OK
        assert tried.weights == shares(50, 50)
        assert take_over(tried) is Exit.OK
        assert tried.weights == GREEN

    def test_after_a_cut_it_can_still_be_aborted(self, tried: Behind) -> None:
        def cut() -> None:
            tried.fleet.host("web-2").lost = True

        tried.when("web-2-blue state drain", cut)
        take_over(tried)
        tried.fleet.host("web-2").lost = False
        assert take_back(tried) is Exit.OK
        assert tried.web == only("v1")
        assert set(tried.weights.values()) == {100}
        assert len(tried.weights) == 3

    def test_with_a_dead_balancer_it_goes_on_and_says_so(self, tried: Behind) -> None:
        tried.when("web-1-blue state drain", lambda: setattr(tried.lbs["lb-2"], "gone", -1))
        assert take_over(tried) is Exit.OK
        assert "the balancer on lb-2 does not answer" in tried.shop.told.text
        assert tried.lbs["lb-1"].serving == GREEN


class TestAbort:
    def test_the_same_containers_get_all_requests_again(self, before: Behind) -> None:
        was = before.ids
        before.bring("v2")
        assert take_back(before) is Exit.OK
        assert before.ids == was
        assert before.weights == BLUE
        assert before.outcomes == ["v1 good", "v2 rolled-back"]

    def test_the_next_deploy_is_a_trial_again(self, tried: Behind) -> None:
        take_back(tried)
        assert tried.bring("v3") is Exit.OK
        assert tried.weights == shares(50, 50)

    def test_the_new_one_is_drained_before_it_goes(self, tried: Behind) -> None:
        assert tried.told
        take_back(tried)
        told = tried.told
        for host in WEBS:
            assert told.index(f"app/{host}-blue weight 100") < told.index(f"app/{host}-green state drain")

    def test_a_cut_in_the_middle_is_gone_on_with(self, before: Behind) -> None:
        was = before.ids
        before.bring("v2")
        before.when("web-2-green state drain", lambda: setattr(before.fleet.host("web-2"), "lost", True))
        assert take_back(before) is not Exit.OK
        before.fleet.host("web-2").lost = False
        assert take_back(before) is Exit.OK
        assert before.ids == was
        assert before.weights == BLUE
        assert before.outcomes[-1] == "v2 rolled-back"


@pytest.mark.parametrize("end", [take_over, take_back])
class TestNothingOnTrial:
    def test_of_an_empty_environment(self, behind: Behind, end: Callable[[Behind], Exit]) -> None:
        with pytest.raises(UsageError, match="nothing was released to test yet"):
            end(behind)

    def test_of_a_good_release(self, before: Behind, end: Callable[[Behind], Exit]) -> None:
        with pytest.raises(
            UsageError, match=r"nothing is on trial in test: release 1 \(v1\) is good"
        ) as caught:
            end(before)
        assert "x-fleet.strategy" in caught.value.hint

    def test_of_a_trial_that_has_ended(self, tried: Behind, end: Callable[[Behind], Exit]) -> None:
        take_back(tried)
        with pytest.raises(UsageError, match="nothing is on trial"):
            end(tried)

    def test_of_a_rollout_that_failed(self, behind: Behind, end: Callable[[Behind], Exit]) -> None:
        behind.bring()
        behind.fleet.host("web-1").sick.add("v2")
        assert behind.bring("v2", on_failure="pause") is Exit.FAILED
        with pytest.raises(UsageError, match=r"release 2 \(v2\) is failed") as caught:
            end(behind)
        assert "--resume" in caught.value.hint


@pytest.mark.parametrize("end", [take_over, take_back])
def test_who_has_the_lease_is_respected(tried: Behind, end: Callable[[Behind], Exit]) -> None:
    lock(tried.session(), "the fair")
    with pytest.raises(Locked, match="the fair") as caught:
        end(tried)
    assert caught.value.code is Exit.LOCKED
    assert tried.web == both()


class TestCanary:
    STEPS: ClassVar[dict[str, Any]] = {
        "strategy": {"canary": [{"weight": 5, "for": "100ms"}, {"weight": 20}, {"weight": 60}]},
        "pair": True,
    }

    @pytest.fixture
    def canary(self, behind: Behind) -> Behind:
        behind.configure(**self.STEPS)
        behind.bring()
        return behind

    def test_it_goes_share_by_share(self, canary: Behind) -> None:
        assert canary.bring("v2") is Exit.OK
        given = [word for word in canary.told if word.startswith("app/web-1-green weight")]
        assert given == ["app/web-1-green weight 5", "app/web-1-green weight 20"]
        assert canary.weights == shares(80, 20)
        assert take_over(canary) is Exit.OK
        assert canary.weights == shares(40, 60)
        assert canary.outcomes[-1] == "v2 on-trial"
        assert canary.web == both()
        assert take_over(canary) is Exit.OK
        assert canary.weights == GREEN
        assert canary.outcomes[-1] == "v2 good"

    def test_it_can_be_aborted_at_its_second_stop(self, canary: Behind) -> None:
        was = canary.ids
        canary.bring("v2")
        take_over(canary)
        assert take_back(canary) is Exit.OK
        assert canary.ids == was
        assert canary.weights == BLUE


class TestWatch:
    @pytest.fixture
    def watched(self, behind: Behind) -> Behind:
        behind.configure(**WATCHED)
        behind.bring()
        return behind

    def fail(self, behind: Behind) -> None:
        for lb in behind.lbs.values():
            lb.worse = lambda name: name.endswith("green")

    def test_one_that_is_as_good_is_on_trial(self, watched: Behind) -> None:
        assert watched.bring("v2") is Exit.OK
        assert watched.outcomes[-1] == "v2 on-trial"
        assert watched.weights == shares(50, 50)

    def test_one_that_is_not_is_taken_back(self, watched: Behind) -> None:
        was = watched.ids
        self.fail(watched)
        assert watched.bring("v2") is Exit.ROLLED_BACK
        assert "v2 of web.app is not as good as v1" in watched.shop.told.text
        assert watched.ids == was
        assert watched.weights == BLUE
        assert watched.outcomes[-1] == "v2 rolled-back"

    def test_with_pause_both_stay_and_the_operator_decides(self, behind: Behind) -> None:
        behind.configure(**{**WATCHED, "watch": {**WATCHED["watch"], "on_failure": "pause"}})  # type: ignore[dict-item]
        behind.bring()
        self.fail(behind)
        assert behind.bring("v2") is Exit.FAILED
        assert behind.web == both()
        assert behind.weights == shares(50, 50)
        assert rollback(behind.session("unknown"), never, "") is Exit.OK
        assert behind.web == only("v1")
        assert behind.weights == BLUE

    def test_too_little_traffic_leaves_it_on_trial_with_a_word(self, watched: Behind) -> None:
        for lb in watched.lbs.values():
            lb.pace = 0
        assert watched.bring("v2") is Exit.OK
        assert "nobody can say yet" in watched.shop.told.finished.outcome
        assert watched.outcomes[-1] == "v2 on-trial"
        assert take_over(watched) is Exit.OK
        assert watched.weights == GREEN

    def test_promote_auto_lets_it_take_over_at_once(self, watched: Behind) -> None:
        assert watched.bring("v2", auto_promote=True) is Exit.OK
        assert watched.web == only("v2")
        assert watched.weights == GREEN
        assert watched.outcomes[-1] == "v2 good"

    def test_promote_auto_does_not_guess(self, watched: Behind) -> None:
        for lb in watched.lbs.values():
            lb.pace = 0
        assert watched.bring("v2", auto_promote=True) is Exit.FAILED
        assert "not promoted" in watched.shop.told.text
        assert watched.weights == shares(50, 50)
        assert watched.outcomes[-1] == "v2 on-trial"

    def test_promote_auto_of_one_that_fails_is_no_promotion(self, watched: Behind) -> None:
        self.fail(watched)
        assert watched.bring("v2", auto_promote=True) is Exit.ROLLED_BACK
        assert watched.weights == BLUE


def test_behind_no_balancer_both_run_until_one_is_chosen(behind: Behind) -> None:
    role = behind.shop.root / "roles" / "web" / "compose.yml"
    lines = [line for line in role.read_text().splitlines() if "load_balancer" not in line]
    role.write_text("\n".join(lines))
    behind.configure(**BLUE_GREEN)
    behind.bring()
    assert behind.bring("v2") is Exit.OK
    assert behind.web == both()
    assert take_over(behind) is Exit.OK
    assert behind.web == only("v2")
    assert behind.outcomes[-1] == "v2 good"
    behind.bring("v3")
    assert take_back(behind) is Exit.OK
    assert behind.web == only("v2")


def test_a_release_before_which_there_is_none_cannot_be_aborted(behind: Behind) -> None:
    behind.configure(**BLUE_GREEN)
    assert behind.bring("v1") is Exit.OK
    with pytest.raises(FleetError):
        take_back(behind)
