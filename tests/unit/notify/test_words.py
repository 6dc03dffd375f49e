"""A notice as people read it."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.model.notices import Moment
from fleet.notify.slack import slack_text
from fleet.notify.words import LONGEST_WHY, duration, sentence
from tests.unit.notify.conftest import notice

WHY = "web.app failed on web-2"


@pytest.mark.parametrize(
    ("event", "changes", "text"),
    [
        ("started", {}, "deploy of v42 by anna began on 2 hosts (release 7)"),
        ("started", {"hosts": ("web-1",), "release": 0}, "deploy of v42 by anna began on 1 host"),
        ("succeeded", {}, "v42 deployed by anna in 1 min 12 s (release 7)"),
        ("succeeded", {"command": "rollback"}, "rolled back to v42 by anna in 1 min 12 s (release 7)"),
        ("succeeded", {"command": "converge"}, "brought up to v42 by anna in 1 min 12 s (release 7)"),
        ("failed", {"why": WHY}, f"deploy of v42 by anna failed after 1 min 12 s (release 7): {WHY}"),
        ("failed", {"command": "rollback"}, "rollback to v42 by anna failed after 1 min 12 s (release 7)"),
        (
            "rolled-back",
            {"why": WHY},
            f"deploy of v42 by anna failed and was rolled back after 1 min 12 s (release 7): {WHY}",
        ),
    ],
)
def test_sentence(event: str, changes: dict[str, Any], text: str) -> None:
    assert sentence(notice(Moment(event), **changes)) == text


def test_a_reason_is_one_short_line_without_control_characters() -> None:
    text = sentence(notice(Moment.FAILED, why="first\nsecond \x1b[31mred" + "x" * 1000))
    assert "first second \N{REPLACEMENT CHARACTER}[31mred" in text
    assert text.endswith("…")
    assert len(text) < LONGEST_WHY + 100


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (72, "1 min 12 s"), (7503, "2 h 5 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_slack_gets_the_environment_in_bold_and_no_markup_of_others() -> None:
    assert slack_text(notice()) == "*production*: v42 deployed by anna in 1 min 12 s (release 7)"
    assert "&lt;!channel&gt; &amp; co" in slack_text(notice(Moment.FAILED, why="<!channel> & co"))
