"""Snapshots that count: each has a record, beside the volumes and not in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from fleet.facts.probe import Answer, Question
from fleet.model import codec, labels
from fleet.model.found import Unknown
from fleet.model.place import Place
from fleet.model.snapshots import Snapshot
from fleet.shell import words

DIRECTORY = "snapshots"
"""Below the state directory: a file for each snapshot that counts, called like the volume that holds it."""

# Without its volume, a record is of one that somebody has removed.
SCRIPT = """\
[ -d "$dir" ] || exit 0
cd "$dir" || exit
there=$(docker volume ls -q) || exit
for name in *; do
  [ -e "$name" ] || continue
  case "
$there
" in *"
$name
"*) ;; *) continue ;; esac
  text=$(cat "$name") || exit
  printf 'snapshot %s\\t%s\\n' "$name" "$text"
done
"""


class SnapshotsProbe:
    name = "snapshots"

    def script(self, question: Question) -> str:
        return f"dir={words([directory(question.state_dir)])}\n{SCRIPT}"

    def parse(self, answer: Answer) -> Mapping[str, tuple[Snapshot, ...]] | Unknown:
        if answer.rc:
            return answer.unknown("snapshots")
        found: list[Snapshot] = []
        for line in answer.out.splitlines():
            name, _, text = line.removeprefix("snapshot ").partition("\t")
            if not line.startswith("snapshot "):
                continue
            try:
                found.append(read_record(text))
            except ValueError:
                return Unknown(f"snapshots: the record of {name} is damaged")
        by_volume: dict[str, tuple[Snapshot, ...]] = {}
        for one in sorted(found, key=lambda one: (one.volume, one.id)):
            by_volume[one.volume] = (*by_volume.get(one.volume, ()), one)
        return by_volume


def directory(state_dir: str) -> str:
    return f"{state_dir}/{DIRECTORY}"


def unrecorded(place: Place) -> str:
    """A script that prints ``begun NAME`` for each volume of the environment that was to become a snapshot
    and has no record in ``$snapshots``."""
    filters = words(
        word
        for label in (f"{labels.PROJECT}={place.project}", f"{labels.ENV}={place.env}", labels.SNAPSHOT)
        for word in ("--filter", f"label={label}")
    )
    return (
        f"there=$(docker volume ls -q {filters}) || exit\n"
        'for one in $there; do [ -e "$snapshots/$one" ] || echo "begun $one"; done\n'
    )


def record_text(snapshot: Snapshot) -> str:
    """On one line."""
    return codec.canonical(asdict(snapshot)) + "\n"


def read_record(text: str) -> Snapshot:
    """Raises ValueError."""
    return codec.load(Snapshot, json.loads(text))
