"""Scripts on a move's source: its writers stop and are fenced off, and go on when the move comes to nothing.

Before anything stops, the host writes down which containers ran and how they were to be restarted, and
begins to watch: when it has not heard of us for :data:`PATIENCE` seconds, it goes on by itself, as
:meth:`Halt.back` would let it. So a controller that dies, or a network that is cut, costs a pause and not
the service. What was written down is taken by renaming it, and only one can do that: when we have taken it
(:meth:`Halt.release`), the host does not go on any more, and only then the target may be used.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from fleet.facts.volumes import file_name
from fleet.model.place import Place
from fleet.model.volumes import Mark, Relocation, Writer
from fleet.ops import marks
from fleet.ops.effects import Shell
from fleet.ops.volume_helper import Helper
from fleet.ops.volume_users import mounting
from fleet.shell import words

PATIENCE = 60
"""Seconds without a sign of life from us, after which the source goes on by itself."""

TICK = 2

# $moving: what stopped, while it may go on by itself; .kept: it may not any more; .back: it is about to.
FUNCTIONS = """\
users() { # -a: also who has stopped; that nobody answers does not mean that there are none
  using=$(mounting "$@") || return
  printf '%s\\n' "$using" | while read -r one name; do
    case $name in "$helper" | '') ;; *) echo "$one" ;; esac
  done
}
policy() {
  docker inspect -f '{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}' "$1"
}
go_on() { # what was written down is in $moving.back, unless somebody else was quicker
  noted=$(cat "$moving.back" 2>/dev/null) || return 0
  if mark | bare | grep -qF "$halted"; then put_mark "$before" "$before_end" || return; fi
  all=$(docker ps -aq --no-trunc) || return
  failed=
  while read -r one restart was; do
    case " $(echo $all) " in *" $one "*) ;; *) echo "container $one is gone" >&2; continue ;; esac
    docker update --restart "$restart" "$one" >/dev/null || failed=1
    [ "$was" = stopped ] || docker start "$one" >/dev/null || failed=1
  done <<END
$noted
END
  [ -z "$failed" ] || return 1
  rm -f "$moving.back"
}
watch() {
  while sleep "$tick"; do
    note=$moving
    [ -e "$note" ] || note=$moving.back # it was told to go on, and could not
    [ -e "$note" ] || return 0
    heard=$(stat -c %Y "$note" 2>/dev/null) || continue
    [ $(($(date +%s) - heard)) -ge "$patience" ] || continue
    [ "$note" != "$moving" ] || mv "$moving" "$moving.back" 2>/dev/null || continue
    until go_on; do sleep "$tick"; done # the engine may be away for a while
    return
  done
}
"""

# Two runs at once are kept apart by their lease; what a dead one has left is the host's to finish first.
STOP = """\
mkdir -p "${moving%/*}"
if [ -e "$moving.back" ]; then
  go_on
  drift "volume $volume was being moved, and its containers have just gone on: make a new plan"
fi
expect "$seen"
running=$(users) || exit
all=$(users -a) || exit
for one in $running; do
  case " $writers " in
    *" $one "*) ;;
    *) drift "container $(docker inspect -f '{{.Name}}' "$one" | tr -d /) uses volume $volume, too" ;;
  esac
done
case $seen in
  *"$halted"*) [ ! -e "$moving.kept" ] || mv "$moving.kept" "$moving" ;;
esac
cat "$moving" >"$moving.new" 2>/dev/null || :
# Live, and kept from going on: nobody came to start it. What runs has been started by somebody since.
[ ! -e "$moving.kept" ] || while read -r one restart was; do
  case " $(echo $running) " in *" $one "*) continue ;; esac
  case " $(echo $all) " in *" $one "*) echo "$one $restart $was" >>"$moving.new" ;; esac
done <"$moving.kept"
for one in $all; do
  ! grep -q "^$one " "$moving.new" || continue # by a run before, which has changed it since
  restart=$(policy "$one")
  case $restart in on-failure:[1-9]*) ;; :*) restart=no ;; *) restart=${restart%%:*} ;; esac
  case " $(echo $running) " in *" $one "*) was= ;; *) was=stopped ;; esac
  echo "$one $restart $was" >>"$moving.new"
done
sync "$moving.new"
mv "$moving.new" "$moving"
rm -f "$moving.kept"
setsid sh -c "$watcher" </dev/null >/dev/null 2>&1 & # not ended with what this script has begun
# Also those that have stopped: a host that is started anew would bring them back.
for one in $all; do docker update --restart no "$one" >/dev/null; done
pids=
set -- $stops
while [ $# -gt 0 ]; do
  case " $(echo $running) " in
    *" $1 "*)
      docker stop -t "$2" "$1" >/dev/null &
      pids="$pids $!" ;;
  esac
  shift 2
done
for one in $pids; do wait "$one"; done
left=$(users) || exit
[ -z "$left" ] || drift "container $(echo $left) uses volume $volume and does not stop"
put_mark "$halt" "$halt_end"
"""


def written_down(state_dir: str, volume: str) -> str:
    return f"{state_dir}/moving/{file_name(volume)}"


def forget(state_dir: str, volume: str) -> Shell:
    """What ran on the volume before it went: nothing of it is to go on."""
    moving = written_down(state_dir, volume)
    return Shell(f"rm -f {words([moving, f'{moving}.kept', f'{moving}.back'])}\n")


@dataclass(frozen=True, slots=True)
class Halt:
    """What runs on ``volume`` stops, and goes on. ``seen``: its mark; ``halted`` while nothing may start, and
    ``before`` when it goes on. ``beside``: a container of ours that does not count."""

    volume: str
    place: Place
    seen: Mark
    halted: Mark
    before: Mark
    writers: tuple[Writer, ...]
    beside: str

    def stop(self) -> Shell:
        """Ends with Drift when the mark is another one, or when somebody else uses the volume; then nothing
        was stopped, or :meth:`back` lets it go on."""
        stops = " ".join(f"{one.id} {math.ceil(one.grace)}" for one in self.writers)
        head = {
            "seen": marks.text(self.seen),
            "writers": " ".join(one.id for one in self.writers),
            "stops": stops,
            "watcher": str(self.script("watch\n").script),
        }
        return self.script(STOP, **head)

    @property
    def seconds(self) -> float:
        """What stopping gets."""
        return max((one.grace for one in self.writers), default=0) + 60

    def alive(self) -> Shell:
        """A sign of life. Fails when it has gone on by itself."""
        return self.script('[ -e "$moving" ] && touch -c "$moving"\n')

    def release(self) -> Shell:
        """From now on it does not go on by itself. Ends with Drift when it has done so."""
        gone_on = f"volume $volume is used here again: nothing was heard of this run for {PATIENCE} s"
        return self.script(f'mv "$moving" "$moving.kept" 2>/dev/null || drift "{gone_on}"\n')

    def back(self, without: Iterable[str] = ()) -> Shell:
        """The volume lives here again, and what ran on it runs. That it does so already is fine. ``without``:
        ids of containers that stay as they are."""
        return self.script(
            'for one in "$moving" "$moving.kept"; do\n'
            '  [ ! -e "$one" ] || mv "$one" "$moving.back" 2>/dev/null || :\n'
            "done\n"
            f"for one in {words(without)}; do\n"
            '  [ -e "$moving.back" ] || continue\n'
            '  grep -v "^$one " "$moving.back" >"$moving.new" || :\n'
            '  mv "$moving.new" "$moving.back"\n'
            "done\n"
            # Whoever else was quicker needs a moment.
            'if [ -e "$moving.back" ]; then go_on; fi\n'
            'if mark | bare | grep -qF "$halted"; then put_mark "$before" "$before_end"; fi\n'
        )

    def forget(self) -> Shell:
        """Another one has it: nothing goes on here any more."""
        return forget(self.place.state_dir, self.volume)

    def script(self, body: str, **variables: str) -> Shell:
        moving = written_down(self.place.state_dir, self.volume)
        before, before_end = marks.around(self.before)
        halt, halt_end = marks.around(self.halted)
        given = {
            "moving": moving, "helper": self.beside, "patience": str(PATIENCE), "tick": str(TICK),
            "before": before, "before_end": before_end, "halt": halt, "halt_end": halt_end,
            "halted": f'"state":"{self.halted.state}"', **variables,
        }  # fmt: skip
        head = "".join(f"{name}={words([value])}\n" for name, value in given.items())
        lead = f"{marks.head(self.place.state_dir, self.volume)}{mounting(self.volume)}"
        return Shell(f"{lead}{head}{FUNCTIONS}{body}")


def fence(move: Relocation) -> Halt:
    """The source of a move."""
    beside = Helper.of_move(move, reads=True).name
    return Halt(move.at_source, move.place, move.mark, move.fenced, move.before, move.writers, beside)
