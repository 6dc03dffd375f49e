"""A notice as a sentence for people."""

from __future__ import annotations

from fleet.model.notices import Moment, Notice

LONGEST_WHY = 300


def sentence(notice: Notice) -> str:
    """``v42 deployed by anna in 1 min 12 s (release 7)``: one line, without the environment."""
    release = f" (release {notice.release})" if notice.release else ""
    took = duration(notice.seconds)
    link = "of" if notice.command == "deploy" else "to"
    run = f"{notice.command} {link} {notice.version} by {notice.who}"
    match notice.event:
        case Moment.STARTED:
            text = f"{run} began on {_hosts(len(notice.hosts))}{release}"
        case Moment.SUCCEEDED:
            text = f"{_done(notice)} by {notice.who} in {took}{release}"
        case Moment.FAILED:
            text = f"{run} failed after {took}{release}{_why(notice)}"
        case Moment.ROLLED_BACK:
            text = f"{run} failed and was rolled back after {took}{release}{_why(notice)}"
    return one_line(text)


def duration(seconds: float) -> str:
    """``12 s``, ``1 min 12 s``, ``2 h 5 min``."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left} min" if hours else f"{minutes} min {rest} s"


def one_line(text: str) -> str:
    """What a host printed must not add lines to a log or steer the terminal that shows it."""
    joined = " ".join(text.split())
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in joined)


def _done(notice: Notice) -> str:
    if notice.command == "deploy":
        return f"{notice.version} deployed"
    return f"{'rolled back' if notice.command == 'rollback' else 'brought up'} to {notice.version}"


def _why(notice: Notice) -> str:
    why = one_line(notice.why)
    short = f"{why[:LONGEST_WHY]}…" if len(why) > LONGEST_WHY else why
    return f": {short}" if short else ""


def _hosts(count: int) -> str:
    return f"{count} {'host' if count == 1 else 'hosts'}"
