"""``slack``: a sentence, for Slack and what takes the same (Mattermost, Rocket.Chat)."""

from __future__ import annotations

from fleet.model.notices import Notice, Slack
from fleet.notify.delivery import Delivery
from fleet.notify.post import post
from fleet.notify.words import sentence

# Slack's own list: nothing else in a text means anything but itself or a bit of formatting.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def to_slack(target: Slack, notice: Notice, delivery: Delivery) -> None:
    """Raises Undelivered."""
    post(target.url, {"text": slack_text(notice)}, delivery)


def slack_text(notice: Notice) -> str:
    """``*production*: v42 deployed by anna in 1 min 12 s (release 7)``."""
    return f"*{notice.env}*: {sentence(notice)}".translate(_ESCAPES)
