"""The last of these files: a host dies in the middle of a deploy, and everything is told and mended."""

from __future__ import annotations

from fleet.rehearsal.faults import FAULTS
from fleet.rehearsal.faults.play import play
from fleet.rehearsal.faults.site import Site
from fleet.rehearsal.faults.text import report_lines
from fleet.rehearsal.faults.verdict import broken
from tests.fleet.shop.shop import ENV, Shop


def test_a_host_that_dies_in_a_deploy(shop: Shop) -> None:
    fault = FAULTS["host-dies"]
    story = play("host-dies", fault, Site(shop.root, ENV, shop.host), "v42", print)
    not_kept = broken(fault, story)
    print("\n".join(report_lines(fault, story, not_kept)))
    assert not_kept == ()
    assert story.first.code != 0
    assert "web.app failed on web-3" in story.first.outcome
    said = [entry.text for entry in story.entries if entry.who == "fault"]
    assert said == ["the power of web-3 is cut; it was serving", "healed"]
    assert [host.behind for host in story.state.hosts if host.behind is not None] == [2, 2, 2]
    assert story.state.orders.acknowledged > 50
