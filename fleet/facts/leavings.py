"""What pruning asks a host: every environment's uses, every container, every image.

Not only ours: what is ours may go only when nobody else has a use for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fleet.facts.clock import ClockProbe
from fleet.facts.containers import definition
from fleet.facts.files import CURRENT
from fleet.facts.probe import Answer
from fleet.facts.script import first_answer, framed
from fleet.facts.snapshots import directory, unrecorded
from fleet.model import labels
from fleet.model.found import Unknown
from fleet.model.leavings import Leavings, Occupant, StoredImage, Use, Uses
from fleet.model.place import Place
from fleet.shell import words

LINE = re.compile(r"([0-9]{6,}) ([a-z]+) (.+)")

# A directory that others must not read is told, too: it may be that of another user's environment.
USES = """\
[ -e "$dir" ] || exit 0
cd "$dir" || exit
for project in */; do
  [ -d "$project" ] || continue
  if ! { [ -r "$project" ] && [ -x "$project" ]; }; then
    printf 'uses %s\\nclosed\\n' "$project*"
    continue
  fi
  for env in "$project"*/; do
    [ -d "$env" ] || continue
    if ! [ -x "$env" ]; then
      printf 'uses %s\\nclosed\\n' "${env%/}"
    elif [ -e "${env}uses" ]; then
      printf 'uses %s\\n' "${env%/}"
      sed 's/^/line /' "${env}uses" 2>/dev/null || echo closed
    fi
  done
done
"""

DIRECTORIES = f"""\
[ -e "$uses" ] || exit 0
while IFS= read -r line; do
  case $line in
    *' dir '*) path=${{line#* dir }}; [ ! -L "$path/{CURRENT}" ] || printf 'dir %s\\n' "$path" ;;
  esac
done <"$uses"
"""

# Others' containers and images come and go between the two questions: then both are asked again.
LISTED = """\
for attempt in 1 2 3; do
  ids=$(docker {list}) || exit
  [ -n "$ids" ] || exit 0
  if found=$(docker {inspect} $ids); then printf '%s\\n' "$found"; exit 0; fi
done
exit 1
"""

CONTAINER = (
    '{"id":{{json .Id}},"name":{{json .Name}},"state":{{json .State.Status}},"image":{{json .Image}},'
    '"written":{{json .Config.Image}},"labels":{{json .Config.Labels}},"mounts":{{json .Mounts}}}'
)
IMAGE = '{"id":{{json .Id}},"tags":{{json .RepoTags}},"digests":{{json .RepoDigests}},"size":{{json .Size}}}'


class _Probe(Protocol):
    def script(self, place: Place) -> str: ...

    def parse(self, answer: Answer) -> Any: ...


class UsesProbe:
    def script(self, place: Place) -> str:
        return f"dir={words([f'{place.state_dir}/releases'])}\n{USES}"

    def parse(self, answer: Answer) -> tuple[Uses, ...] | Unknown:
        if answer.rc:
            return answer.unknown("what releases use")
        found: dict[str, list[str]] = {}
        for row in answer.out.splitlines():
            kind, _, rest = row.partition(" ")
            if kind == "uses":
                rows = found.setdefault(rest, [])
            elif kind in {"line", "closed"} and found:
                rows.append(row)
        return tuple(_uses(name, rows) for name, rows in found.items())


def _uses(name: str, rows: list[str]) -> Uses:
    project, _, env = name.partition("/")
    lines = []
    for row in rows:
        match = LINE.fullmatch(row.removeprefix("line "))
        if not match:
            what = "no right to read it" if row == "closed" else f"a line makes no sense: {row[5:85]}"
            return Uses(project, env, Unknown(what))
        lines.append(Use(int(match[1]), match[2], match[3]))
    return Uses(project, env, tuple(lines))


class OccupantsProbe:
    def script(self, place: Place) -> str:
        inspect = f"inspect --type container --format {words([CONTAINER])}"
        return LISTED.format(list="ps -aq --no-trunc", inspect=inspect)

    def parse(self, answer: Answer) -> tuple[Occupant, ...] | Unknown:
        if answer.rc:
            return answer.unknown("containers")
        return tuple(sorted(map(_occupant, _values(answer)), key=lambda one: one.name))


def _occupant(data: Mapping[str, Any]) -> Occupant:
    marks = data["labels"] or {}
    service = definition(marks.get(labels.DEFINITION, ""))
    return Occupant(
        id=data["id"],
        name=data["name"].lstrip("/"),
        state=data["state"],
        image=data["image"],
        written=data["written"],
        project=marks.get(labels.PROJECT, ""),
        env=marks.get(labels.ENV, ""),
        role=marks.get(labels.ROLE, ""),
        service=marks.get(labels.SERVICE, ""),
        job=marks.get(labels.JOB, ""),
        release=marks.get(labels.RELEASE, ""),
        grace=service.container.stop_grace_period if service else 10,
        mounts=tuple(sorted(mount["Source"] for mount in data["mounts"] or () if mount.get("Source"))),
    )


class StoredImagesProbe:
    def script(self, place: Place) -> str:
        inspect = f"image inspect --format {words([IMAGE])}"
        return LISTED.format(list="image ls -q --no-trunc", inspect=inspect)

    def parse(self, answer: Answer) -> tuple[StoredImage, ...] | Unknown:
        if answer.rc:
            return answer.unknown("images")
        # One image is listed once for each of its tags.
        found = {data["id"]: data for data in _values(answer)}
        return tuple(
            StoredImage(id, (*(data["digests"] or ()), *(data["tags"] or ())), int(data["size"]))
            for id, data in sorted(found.items())
        )


class DirectoriesProbe:
    def script(self, place: Place) -> str:
        return f"uses={words([f'{place.base}/uses'])}\n{DIRECTORIES}"

    def parse(self, answer: Answer) -> tuple[str, ...] | Unknown:
        if answer.rc:
            return answer.unknown("configuration directories")
        rows = answer.out.splitlines()
        return tuple(sorted({row.removeprefix("dir ") for row in rows if row.startswith("dir ")}))


class BegunProbe:
    def script(self, place: Place) -> str:
        return f"snapshots={words([directory(place.state_dir)])}\n{unrecorded(place)}"

    def parse(self, answer: Answer) -> tuple[str, ...] | Unknown:
        if answer.rc:
            return answer.unknown("snapshots that were cut off")
        rows = answer.out.splitlines()
        return tuple(sorted(row.removeprefix("begun ") for row in rows if row.startswith("begun ")))


@dataclass(frozen=True, slots=True)
class _Clock:
    """As every probe of facts reads it."""

    def script(self, place: Place) -> str:
        return "date +%s"

    def parse(self, answer: Answer) -> int | Unknown:
        return ClockProbe().parse(answer)


def _values(answer: Answer) -> Iterator[Any]:
    """One a line; what does not begin like that are the client's own words."""
    return (json.loads(row) for row in answer.out.splitlines() if row.startswith('{"id":'))


PROBES: Mapping[str, _Probe] = {
    "uses": UsesProbe(),
    "occupants": OccupantsProbe(),
    "images": StoredImagesProbe(),
    "directories": DirectoriesProbe(),
    "begun": BegunProbe(),
    "clock": _Clock(),
}


def leavings_script(place: Place, mark: str) -> str:
    """``mark`` is any word that was never used before."""
    return framed([probe.script(place) for probe in PROBES.values()], mark)


def parse_leavings(host: str, output: str, mark: str) -> Leavings:
    """A section that is missing or garbled is Unknown, never empty."""
    found: dict[str, Any] = {}
    for name, probe in PROBES.items():
        answer, output = first_answer(output, mark)
        try:
            found[name] = probe.parse(answer)
        except (ValueError, KeyError, TypeError, AttributeError):
            found[name] = Unknown(f"{name}: the host's answer makes no sense")
    return Leavings(host, **found)
