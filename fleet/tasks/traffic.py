"""Tasks that lead requests by hand."""

from __future__ import annotations

from fleet.errors import UsageError
from fleet.tasks.common import CHANGING, Given, confirming, operator_task, with_session


@operator_task(*CHANGING, "allow_downtime",
               host="the host, or several in the pattern language of --limit",
               for_="what for: inv status shows it to others")  # fmt: skip
def drain(given: Given, host: str, for_: str = "") -> int | None:
    """Take hosts out of traffic until `inv ready HOST`; deploys update them and leave them out."""
    from fleet.app.by_hand import drain as run  # noqa: PLC0415

    options = given.options(limit=host)
    return with_session(options, lambda session: run(session, confirming(options), for_ or "by hand"))


@operator_task(*CHANGING, host="the host, or several in the pattern language of --limit")  # fmt: skip
def ready(given: Given, host: str) -> int | None:
    """Give hosts that were drained their requests again."""
    from fleet.app.by_hand import ready as run  # noqa: PLC0415

    options = given.options(limit=host)
    return with_session(options, lambda session: run(session, confirming(options)))


@operator_task(*CHANGING, switch="on or off", backend="which, when there are several")  # fmt: skip
def maintenance(given: Given, switch: str, backend: str = "") -> int | None:
    """Answer the requests of a backend by a page, or serve them again."""
    from fleet.app.by_hand import maintenance as run  # noqa: PLC0415

    if switch not in {"on", "off"}:
        raise UsageError(f"maintenance is on or off, not {switch!r}")
    options = given.options()
    return with_session(
        options, lambda session: run(session, confirming(options), backend, on=switch == "on")
    )
