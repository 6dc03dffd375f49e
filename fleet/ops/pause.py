"""The last pass of a snapshot, in which nobody writes: one script on the host, and nobody else's concern.

Whoever asks for it may die, and so may the helper, the connection, or the engine for a while: the script has
a session of its own, and its last act is always to let the writers go on. It tries that until it is so.
Should it be killed itself: what waits is written down, and the next snapshot lets it go on first. (A
container that was paused when its host went down does not come back paused.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fleet.facts.snapshots import directory
from fleet.model.snapshots import Taking, Within
from fleet.ops.effects import Shell
from fleet.ops.volume_helper import Helper
from fleet.shell import words

LEAST = 60
TIMES = 4
"""Of what the pass before has taken, and never less than :data:`LEAST` seconds: then the writers go on."""

TICK = 0.2
THAWS = 30
"""Times that a thaw which fails is tried again."""

# Who only reads may go on reading.
STRANGERS = """\
strangers() {
  using=$(docker ps --no-trunc --filter "volume=$volume" --format '{{.ID}} {{.Names}}') || return
  printf '%s\\n' "$using" | while read -r one name; do
    case " $known " in *" $one "*) continue ;; esac
    case $name in "$helper" | '') continue ;; esac
    format='{{range .Mounts}}{{.Name}} {{.RW}}{{println}}{{end}}'
    if docker inspect -f "$format" "$one" | grep -qxF "$volume true"; then echo "$name"; fi
  done
}
"""

LET_GO = """\
let_go() { # fails while somebody waits still
  [ -e "$note" ] || return 0
  kept=$(cat "$note") || return
  for one in $kept; do docker unpause "$one" >/dev/null 2>&1 || :; done
  paused=$(docker ps -q --no-trunc --filter status=paused) || return
  for one in $kept; do
    case "$paused" in *"$one"*) return 1 ;; esac
  done
  thawed || return
  rm -f "$note"
}
thawed() {
  [ -e "$note.thaw" ] || return 0
  there=$(docker ps -q --no-trunc) || return
  case "$there" in *"$thaws"*) ;; *) rm -f "$note.thaw"; return 0 ;; esac # it froze with its container
  if thaw >&2; then rm -f "$note.thaw"; return 0; fi
  tries=$((${tries:-0} + 1))
  [ "$tries" -ge "$most" ] || return
  echo "the thaw command has failed $tries times: see to it by hand" >&2
  rm -f "$note.thaw"
}
"""

GUARD = """\
trap '' HUP PIPE
trap 'exit 1' INT TERM
trap finish EXIT
ended=1
finish() {
  trap '' INT TERM
  until let_go; do sleep "$tick"; done
  read -r now _ </proc/uptime
  printf '{"progress":{"from":%s,"to":%s}}\\n' "$began" "$now"
  echo "$ended" >"$box/ended.new" && mv "$box/ended.new" "$box/ended"
}
timely() { # a command; the limit is that of all of them
  left=$((end - $(date +%s)))
  [ "$left" -ge 1 ] || left=1
  ended=0
  timeout -k 5 "$left" "$@" || ended=$?
  [ "$ended" != 124 ] || echo "it took longer than $limit s: the writers go on" >&2
  [ "$ended" = 0 ] || exit "$ended"
}
read -r began _ </proc/uptime
end=$(($(date +%s) + limit))
mkdir -p "${note%/*}"
if [ "$thaws" ]; then
  : >"$note"; : >"$note.thaw"
  sync "$note.thaw"
  freeze >&2 || { echo 'the freeze command failed' >&2; exit 1; }
else
  printf '%s\\n' $writers >"$note"
  sync "$note"
  docker pause $writers >/dev/null || exit
fi
others=$(strangers) || exit
if [ "$others" ]; then
  echo "container $(echo $others) uses volume $volume, too" >&2
  ended=75; exit 75
fi
timely docker exec "$helper" volume clone --final
timely docker exec "$helper" volume same
"""

# Files and no pipes: who writes into a pipe that nobody reads ends.
ASK = """\
box=$(mktemp -d) || exit
setsid sh -c "box=$box
$guard" </dev/null >"$box/out" 2>"$box/err" &
guard=$!
until [ -e "$box/ended" ]; do
  kill -0 "$guard" 2>/dev/null || { [ -e "$box/ended" ] || echo 1 >"$box/ended"; }
  sleep "$tick"
done
until let_go; do sleep "$tick"; done # should it have been killed
cat "$box/out"
cat "$box/err" >&2
ended=$(cat "$box/ended")
rm -rf "$box"
exit "$ended"
"""


@dataclass(frozen=True, slots=True)
class Pause:
    taking: Taking
    helper: Helper

    def strangers(self) -> Shell:
        """Prints the names of containers that write to the volume and that nobody has told us of."""
        return self._script("strangers\n")

    def over(self) -> Shell:
        """Lets go on what a run before has left waiting, if it has."""
        return self._script('tries=$most; until let_go; do sleep "$tick"; done\n')

    def limit(self, expected: float) -> int:
        return math.ceil(max(LEAST, TIMES * expected))

    def last(self, limit: int) -> Shell:
        """The last pass and the comparison, while nobody writes. Prints what the helper says; ends with Drift
        when somebody else writes."""
        return self._script(ASK, guard=self._text(GUARD, limit=str(limit)), limit=str(limit))

    def _script(self, body: str, **more: str) -> Shell:
        return Shell(self._text(body, **more))

    def _text(self, body: str, **more: str) -> str:
        taking = self.taking
        given = {
            "volume": taking.volume, "helper": self.helper.name,
            "writers": " ".join(one.id for one in taking.writers),
            "known": " ".join([*(one.id for one in taking.writers), *taking.readers]),
            "note": f"{directory(taking.place.state_dir)}/.waiting-{taking.volume}",
            "thaws": taking.thaw.container if taking.thaw else "", "tick": str(TICK), "most": str(THAWS),
            **more,
        }  # fmt: skip
        head = "".join(f"{key}={words([value])}\n" for key, value in given.items())
        inside = f"freeze() {{ {within(taking.freeze)}; }}\nthaw() {{ {within(taking.thaw)}; }}\n"
        return f"{head}{inside}{STRANGERS}{LET_GO}{body}"


def within(command: Within | None, *options: str) -> str:
    """A command in its container; without one, nothing is done."""
    return words(["docker", "exec", *options, command.container, *command.command]) if command else ":"
