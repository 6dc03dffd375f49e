"""A release record as files: a head, a record, and contents that are kept once by their sum.

Head, record and entries are one line of JSON and a line with its SHA-256, so that a file that was cut or
changed is noticed. The record refers to each service, configuration file and role source by the SHA-256 of
a content: what did not change since the last release is not stored again. A release's number is the name of
its files and stands in none of them: it is given when they are written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fleet.model import codec
from fleet.model.desired import Desired
from fleet.model.releases import Entry, Head, Record

FORMAT = 1
T = TypeVar("T")


class Damaged(ValueError):
    """A file is not what was written."""


class TooNew(ValueError):
    """A file holds what this version of Fleet does not know."""


@dataclass(frozen=True, slots=True)
class RecordFiles:
    """``contents`` by their SHA-256."""

    head: str
    record: str
    contents: Mapping[str, str]


def encode(record: Record) -> RecordFiles:
    contents: dict[str, str] = {}

    def keep(data: Any) -> str:
        text = f"{line(data)}\n"
        contents[sha256(text)] = text
        return sha256(text)

    desired = codec.dump(record.desired)
    for state in desired["hosts"]:
        state["services"] = [keep(_config_texts(one, _put_by(keep))) for one in state.get("services", [])]
    body = {
        "desired": desired,
        "sources": {name: keep(text) for name, text in record.sources.items()},
        "marks": codec.dump(record.marks),
        "contents": sorted(contents),
    }
    text = _summed(body)
    head = codec.dump(record.head)
    del head["number"]
    return RecordFiles(_summed({"head": head, "record": sha256(text)}), text, contents)


def decode(number: int, files: RecordFiles) -> Record:
    """Raises Damaged or TooNew."""
    head, expected = decode_head(number, files.head)
    if sha256(files.record) != expected:
        raise _damaged(files.record, "record")
    data = _unsummed(files.record, "record")
    return _known(lambda: READERS[data["format"]](head, data, files.contents))


def decode_head(number: int, text: str) -> tuple[Head, str]:
    """The head, and the SHA-256 of the record file that belongs to it. Raises Damaged or TooNew."""
    data = _unsummed(text, "head")
    return _known(lambda: (codec.load(Head, {**data["head"], "number": number}), str(data["record"])))


def encode_entry(entry: Entry) -> str:
    return _summed({"entry": codec.dump(entry)})


def decode_entry(text: str, what: str = "entry") -> Entry:
    """Raises Damaged or TooNew; ``what`` it is called there."""
    data = _unsummed(text, what)
    return _known(lambda: codec.load(Entry, data["entry"]))


def line(data: Any) -> str:
    """The one JSON text of ``data``. What is no character, as an argument of the command line may hold, is
    replaced: nothing could write it."""
    return codec.canonical(data).encode("utf-8", "replace").decode()


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read_1(head: Head, data: dict[str, Any], contents: Mapping[str, str]) -> Record:
    def fetch(name: str) -> Any:
        text = contents.get(name, "")
        if sha256(text) != name:
            raise _damaged(text, f"content {name[:12]}")
        return json.loads(text)

    desired = data["desired"]
    for state in desired["hosts"]:
        state["services"] = [_config_texts(fetch(one), _get_by(fetch)) for one in state["services"]]
    sources = {name: fetch(one) for name, one in data["sources"].items()}
    return Record(head, codec.load(Desired, desired), sources, data["marks"])


READERS: dict[int, Callable[[Head, dict[str, Any], Mapping[str, str]], Record]] = {1: _read_1}
"""One for each format that was ever written."""


def _config_texts(service: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """The service with each configuration file's content put through ``change``."""
    for directory in service.get("configs", []):
        for file in directory["files"]:
            file["content"] = change(file["content"])
    return service


def _put_by(keep: Callable[[Any], str]) -> Callable[[Any], Any]:
    # A text with holes stays where it is: all it holds of a secret is the reference.
    return lambda content: {"sha256": keep(content)} if isinstance(content, str) else content


def _get_by(fetch: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda content: fetch(content["sha256"]) if "sha256" in content else content


def _summed(data: dict[str, Any]) -> str:
    first = line({"format": FORMAT, **data})
    return f"{first}\n{sha256(first)}\n"


def _unsummed(text: str, what: str) -> dict[str, Any]:
    first, _, rest = text.partition("\n")
    if rest != f"{sha256(first)}\n":
        raise _damaged(text, what)
    data: dict[str, Any] = json.loads(first)
    if data.get("format") not in READERS:
        raise TooNew(f"it was written by a newer Fleet (format {data.get('format')})")
    return data


def _damaged(text: str, what: str) -> Damaged:
    return Damaged(f"its {what} is {'damaged (checksum)' if text else 'missing or empty'}")


def _known(read: Callable[[], T]) -> T:
    """Its sum is right; so what does not fit was written by somebody who knew more."""
    try:
        return read()
    except Damaged:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise TooNew(f"it was written by a newer Fleet ({error})") from error
