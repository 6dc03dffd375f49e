"""``webhook``: the notice as one JSON object."""

from __future__ import annotations

from fleet.model.notices import Notice, Webhook
from fleet.notify.delivery import Delivery
from fleet.notify.post import post


def to_webhook(target: Webhook, notice: Notice, delivery: Delivery) -> None:
    """Raises Undelivered."""
    post(target.url, notice.as_dict(), delivery)
