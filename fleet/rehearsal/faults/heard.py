"""What a deploy says, as a story tells it: where it is and what goes wrong, not each step that goes well."""

from __future__ import annotations

from fleet.rehearsal.faults.fault import Event


def heard(event: Event) -> str:
    """In a line; empty for what is left out."""
    match event:
        case {"event": "RunStarted", "command": command, "version": version, "release": number}:
            return f"{command} to {version} begins, release {number}"
        case {"event": "BatchStarted", "service": service, "hosts": hosts, "number": number, "of": of}:
            return f"{service}: batch {number} of {of}, {' '.join(hosts)}"
        case {"event": "StepFailed", "host": host, "text": text, "what": what}:
            return f"{host} ✗ {text}: {what}"
        case {"event": "Note", "text": text, "level": "warning" | "error"}:
            return _first(text)
        case {"event": "RunFinished", "outcome": outcome}:
            return str(outcome)
        case {"event": "Error", "text": text}:
            return f"error: {_first(text)}"
    return ""


def last_word(event: Event) -> str:
    """What is told of a deploy when it has ended; empty when this event is not the end."""
    return heard(event) if event["event"] in {"RunFinished", "Error"} else ""


def _first(text: str) -> str:
    return text.partition("\n")[0]
