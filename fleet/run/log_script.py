"""The script that reads, and follows, the logs of a host's containers.

Its lines are ``+ NUMBER ID ROLE.SERVICE`` for each container that it begins to read, then that container's
lines as ``TIME NUMBER TEXT``; a dot now and then shows that somebody still listens.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet.model import labels
from fleet.model.place import Place
from fleet.run.inside import filters, row_of
from fleet.shell import words

FIRST = 100
"""Lines of each container where nothing else is said; of those that are followed, fewer."""
FIRST_FOLLOWED = 10

LISTENING = 10
"""Seconds between two signs that somebody listens."""

ONCE = """\
number=0
for row in $rows; do
  number=$((number + 1))
  echo "+ $number $(echo "$row" | tr , ' ')"
done
number=0
for row in $rows; do
  number=$((number + 1))
  docker logs --timestamps @OPTIONS "${row%%,*}" 2>&1 |
  @FILTER
  sed "s/ / $number /"
done | sort -s -k 1,1
"""

# A container that is started again under the same id is read from a little before; what comes twice by that
# is told apart by its time. What is new is read from its beginning.
FOLLOW = """\
# The controller may die, and its connection with it: then the next dot cannot be written.
(trap '' PIPE; while sleep @LISTENING && echo .; do :; done 2>/dev/null; kill -s TERM 0) &
number=0
known=
follow() {
  number=$((number + 1))
  known="$known ${1%%,*}"
  echo "+ $number $(echo "$1" | tr , ' ')"
  id=${1%%,*}
  shift
  docker logs --timestamps --follow "$@" "$id" 2>&1 | sed -u "s/ / $number /" &
}
for row in $rows; do follow "$row" @OPTIONS; done
while :; do
  docker events --since "$since" @EVENTS 2>/dev/null |
  while read -r at row; do
    [ -n "$row" ] || continue
    second=${at%?????????}
    case "$known " in
    *" ${row%%,*} "*) follow "$row" --since "$((second - 2)).${at#"$second"}" ;;
    *) follow "$row" ;;
    esac
  done
  # The engine went away. Whoever runs when it is back has been started again, or was not told of.
  since=$(date +%s)
  sleep 1
  until rows=$(@LIST 2>/dev/null); do sleep 1; done
  for row in $rows; do number=$((number + 100000)); follow "$row" --since "$since"; done
done
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """``role`` and ``service`` may be empty: all of them; of a service all its instances are told. ``since``
    as Docker takes it, ``lines`` of each container: empty is all. ``literal``: only lines with this in them;
    not of those that are followed."""

    place: Place
    role: str = ""
    service: str = ""
    since: str = ""
    lines: str = ""
    follow: bool = False
    literal: str = ""

    @property
    def script(self) -> str:
        options = ["--since", self.since] if self.since else []
        options += ["--tail", self.lines] if self.lines else []
        listing = words(
            [
                "docker",
                "ps",
                "--all",
                "--no-trunc",
                *self._filters,
                "--format",
                row_of(self.service, '.Label "%s"', "{{.ID}}"),
            ]
        )
        event = row_of(self.service, 'index .Actor.Attributes "%s"', "{{.TimeNano}} {{.Actor.ID}}")
        events = words([*self._filters, "--filter", "event=start", "--format", event])
        parts = {
            "@OPTIONS": words(options),
            "@FILTER": f"grep -aF -e {words([self.literal])} |" if self.literal else "",
            "@LISTENING": str(LISTENING),
            "@EVENTS": events,
            "@LIST": listing,
        }
        body = f"export LC_ALL=C\nsince=$(date +%s)\nrows=$({listing}) || exit\n"
        for line in (FOLLOW if self.follow else ONCE).splitlines(keepends=True):
            # Once a line: what a filter holds may look like one of these marks.
            mark = next((mark for mark in parts if mark in line), "")
            body += line.replace(mark, parts[mark]) if mark else line
        return body

    @property
    def _filters(self) -> list[str]:
        marks = {labels.PROJECT: self.place.project, labels.ENV: self.place.env}
        return filters((marks | ({labels.ROLE: self.role} if self.role else {})).items())
