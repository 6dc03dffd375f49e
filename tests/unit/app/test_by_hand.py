"""Hosts out of traffic by hand, and backends behind a page."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.app.by_hand import drain, maintenance, ready
from fleet.app.locks import lock
from fleet.app.rollback import rollback
from fleet.app.status import status
from fleet.errors import Exit, FleetError, Locked, UsageError
from fleet.model.releases import drained
from tests.support.behind import BLUE_GREEN, Behind, never

ALL = {"web-1": 100, "web-2": 100, "web-3": 100}


def out(behind: Behind, hosts: str = "web-2", why: str = "new disk", **options: Any) -> Exit:
    return drain(behind.session("unknown", limit=hosts, **options), never, why)


def back(behind: Behind, hosts: str = "web-2", **options: Any) -> Exit:
    return ready(behind.session("unknown", limit=hosts, **options), never)


def page(behind: Behind, backend: str = "", *, on: bool = True) -> Exit:
    return maintenance(behind.session("unknown"), never, backend, on=on)


def others(*hosts: str) -> dict[str, int]:
    return {host: weight for host, weight in ALL.items() if host not in hosts}


@pytest.fixture
def served(behind: Behind) -> Behind:
    """v1 serves everywhere."""
    assert behind.bring() is Exit.OK
    assert behind.weights == ALL
    return behind


class TestDrain:
    def test_it_gets_no_requests_and_the_ledger_knows_why(self, served: Behind) -> None:
        assert out(served) is Exit.OK
        assert served.weights == others("web-2")
        assert drained(served.history) == {"web-2": "new disk"}
        assert status(served.session()) is Exit.OK
        assert "out of traffic by hand: web-2" in served.shop.told.text
        assert back(served) is Exit.OK
        assert served.weights == ALL
        assert drained(served.history) == {}

    def test_the_last_one_is_refused(self, served: Behind) -> None:
        assert out(served, "web-1,web-2") is Exit.OK
        with pytest.raises(FleetError, match="no server left for backend app; nothing was changed") as caught:
            out(served, "web-3")
        assert "app/web-3" in caught.value.why
        assert "--allow-downtime" in caught.value.hint
        assert served.weights == {"web-3": 100}
        assert set(drained(served.history)) == {"web-1", "web-2"}
        assert out(served, "web-3", allow_downtime=True) is Exit.OK
        assert served.weights == {}

    def test_all_at_once_is_refused(self, served: Behind) -> None:
        with pytest.raises(FleetError, match="no server left"):
            out(served, "web")
        assert served.weights == ALL

    def test_a_sick_host_need_not_answer(self, served: Behind) -> None:
        served.fleet.unreachable.add("web-2")
        assert out(served) is Exit.OK
        assert served.weights == others("web-2")

    @pytest.mark.parametrize("dead", [{"lb-1", "lb-2"}, set()])
    def test_when_no_balancer_answers_it_is_not_said_to_be_out(self, served: Behind, dead: set[str]) -> None:
        served.fleet.unreachable |= dead
        for name in {"lb-1", "lb-2"} - dead:
            served.fleet.host(name).sockets.clear()
        with pytest.raises(FleetError, match="no balancer answers: nothing was changed") as caught:
            out(served)
        assert "--allow-downtime" in caught.value.hint
        assert drained(served.history) == {}

    def test_one_that_says_no_changes_nothing(self, served: Behind) -> None:
        assert drain(served.session(limit="web-2", yes=False), lambda question: False, "x") is Exit.FAILED
        assert served.weights == ALL
        assert drained(served.history) == {}

    def test_a_host_behind_no_balancer_is_refused(self, served: Behind) -> None:
        with pytest.raises(UsageError, match="no balancer sends requests to lb-1"):
            out(served, "lb-1")

    def test_before_anything_was_released(self, behind: Behind) -> None:
        with pytest.raises(UsageError, match="nothing was released to test yet"):
            out(behind)

    def test_both_colours_are_drained(self, behind: Behind) -> None:
        behind.configure(**BLUE_GREEN)
        behind.bring()
        behind.bring("v2")
        assert out(behind) is Exit.OK
        assert not [name for name in behind.weights if name.startswith("web-2")]

    def test_who_has_the_lease_is_respected(self, served: Behind) -> None:
        lock(served.session(), "the fair")
        for act in (out, back, page):
            with pytest.raises(Locked, match="the fair") as caught:
                act(served)
            assert caught.value.code is Exit.LOCKED
        assert served.weights == ALL


class TestRemembered:
    def test_a_deploy_updates_it_and_leaves_it_out(self, served: Behind) -> None:
        out(served)
        assert served.bring("v2") is Exit.OK
        assert served.web == {"web-1": ["v2"], "web-2": ["v2"], "web-3": ["v2"]}
        assert served.weights == others("web-2")
        assert served.bring("v2") is Exit.OK
        assert back(served) is Exit.OK
        assert served.weights == ALL

    def test_over_many_releases_of_which_the_old_ones_are_forgotten(self, served: Behind) -> None:
        out(served)
        served.bring("v2")
        served.bring("v3")
        newest = served.history[-1:]
        assert drained(newest) == {"web-2": "new disk"}

    def test_over_one_that_was_rolled_back(self, served: Behind) -> None:
        out(served)
        served.fleet.host("web-3").sick.add("v2")
        assert served.bring("v2") is Exit.ROLLED_BACK
        assert served.weights == others("web-2")
        assert drained(served.history) == {"web-2": "new disk"}

    def test_made_ready_after_one_that_was_rolled_back_it_stays_so(self, served: Behind) -> None:
        out(served)
        served.fleet.host("web-3").sick.add("v2")
        assert served.bring("v2") is Exit.ROLLED_BACK
        assert back(served) is Exit.OK
        assert drained(served.history) == {}
        assert served.bring("v3") is Exit.OK
        assert served.weights == ALL

    def test_over_a_rollback(self, served: Behind) -> None:
        served.bring("v2")
        out(served)
        assert rollback(served.session("unknown"), never, "") is Exit.OK
        assert served.web["web-2"] == ["v1"]
        assert served.weights == others("web-2")

    def test_two_of_them_each_with_its_reason(self, served: Behind) -> None:
        out(served, "web-1", "disk")
        out(served, "web-2", "memory")
        assert drained(served.history) == {"web-1": "disk", "web-2": "memory"}
        back(served, "web-1")
        assert drained(served.history) == {"web-2": "memory"}


class TestReady:
    def test_a_sick_host_gets_no_requests_and_says_what_the_balancers_find(self, served: Behind) -> None:
        out(served)
        served.sicken("web-2", "v1")
        with pytest.raises(FleetError, match="no balancer finds it healthy") as caught:
            back(served)
        assert "web-2: lb-1 finds L7STS/503, lb-2 finds L7STS/503" in caught.value.why
        assert "inv converge --env test --limit web-2" in caught.value.hint
        assert served.weights == others("web-2")
        assert drained(served.history) == {}, "converge gives it its requests"

    def test_of_several_the_healthy_ones_get_theirs(self, served: Behind) -> None:
        out(served, "web-2,web-3")
        served.sicken("web-2", "v1")
        with pytest.raises(FleetError, match="no balancer finds it healthy"):
            back(served, "web-2,web-3")
        assert served.weights == others("web-2")

    def test_of_one_that_was_not_out_nothing_changes(self, served: Behind) -> None:
        assert back(served) is Exit.OK
        assert served.weights == ALL

    def test_on_trial_each_gets_its_share_again(self, behind: Behind) -> None:
        behind.configure(**BLUE_GREEN)
        behind.bring()
        behind.bring("v2")
        before = behind.weights
        out(behind)
        assert back(behind) is Exit.OK
        assert behind.weights == before


class TestMaintenance:
    def entries(self, behind: Behind) -> list[list[tuple[str, str]]]:
        return [lb.maps["/run/haproxy/maintenance.map"] for lb in behind.lbs.values()]

    def test_a_page_and_its_end(self, served: Behind) -> None:
        assert page(served) is Exit.OK
        assert "app is answered by a page" in served.shop.told.text
        assert page(served, "app") is Exit.OK
        assert self.entries(served) == [[("app", "on")]] * 2
        assert status(served.session()) is Exit.OK
        assert served.shop.told.rows[-1][-1] == "answered by a page"
        assert page(served, on=False) is Exit.OK
        assert self.entries(served) == [[], []]

    def test_a_backend_that_is_not_known_is_refused(self, served: Behind) -> None:
        with pytest.raises(UsageError, match="known here: app"):
            page(served, "shop")

    def test_with_one_balancer_dead_the_other_is_told(self, served: Behind) -> None:
        served.fleet.unreachable.add("lb-2")
        assert page(served) is Exit.OK
        assert self.entries(served) == [[("app", "on")], []]
        served.fleet.unreachable.clear()
        assert status(served.session()) is Exit.OK
        assert served.shop.told.rows[-1][-1] == "answered by a page on lb-1"

    def test_with_none_it_is_an_error(self, served: Behind) -> None:
        served.fleet.unreachable |= {"lb-1", "lb-2"}
        with pytest.raises(FleetError, match="no balancer answers: nothing was changed"):
            page(served)
