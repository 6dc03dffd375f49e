"""Scripts for snapshots on their host: begun, recorded, removed. Without its record, none counts."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.facts.snapshots import directory, record_text
from fleet.model import labels
from fleet.model.place import Place
from fleet.model.snapshots import INFIX, Snapshot, name
from fleet.ops.effects import Effect, Shell
from fleet.ops.removal import Removal
from fleet.shell import words

# What was begun and has no record was cut off: nobody comes back for it.
BEGIN = f"""\
set -eu
old=$(docker volume ls -q --filter "label={labels.SNAPSHOT}=$volume")
for one in $old; do
  [ -e "$snapshots/$one" ] || docker volume rm "$one" >/dev/null
done
[ -n "$id" ] || id=$(date -u +%Y%m%d-%H%M%S)-$(od -An -N2 -tx1 /dev/urandom | tr -d ' \\n')
docker volume create "$@" "$volume{INFIX}$id" >/dev/null
echo "$id $(date +%s)"
"""

RECORD = """\
set -eu
umask 077
mkdir -p "$snapshots"
printf '%s\\n' "$text" >"$snapshots/.$name"
sync "$snapshots/.$name"
mv "$snapshots/.$name" "$snapshots/$name"
sync "$snapshots" 2>/dev/null || sync
"""

# Their names end with their times.
NEWEST = f"""\
set -eu
found=
for one in "$snapshots/$volume{INFIX}"*; do found=$one; done
[ ! -e "$found" ] || cat "$found"
"""

# The record first: cut off in between, it is one that was never finished.
REMOVE = """\
set -eu
rm -f "$snapshots/$name"
there=$(docker volume ls -q)
case "
$there
" in *"
$name
"*) docker volume rm "$name" >/dev/null ;; esac
"""


def begin(place: Place, volume: str, role: str, id_: str = "") -> Shell:
    """A Docker volume for a new snapshot of ``volume``; prints its id and the time, in seconds since 1970.
    ``id_``: that of one which comes from elsewhere."""
    marks = {
        labels.PROJECT: place.project,
        labels.ENV: place.env,
        labels.ROLE: role,
        labels.SNAPSHOT: volume,
    }
    given = words(word for item in marks.items() for word in ("--label", "=".join(item)))
    return Shell(
        f"{_head(place.state_dir)} volume={words([volume])} id={words([id_])}\nset -- {given}\n{BEGIN}"
    )


def newest(place: Place, volume: str) -> Shell:
    """Prints the record of the one that was taken last; nothing when there is none."""
    return Shell(f"{_head(place.state_dir)} volume={words([volume])}\n{NEWEST}")


def begun(text: str) -> tuple[str, int]:
    """What :func:`begin` has printed. Raises ValueError."""
    id_, at = text.split()
    return id_, int(at)


def record(place: Place, snapshot: Snapshot) -> Shell:
    """From now on it counts."""
    given = f"name={words([snapshot.name])} text={words([record_text(snapshot).strip()])}"
    return Shell(f"{_head(place.state_dir)} {given}\n{RECORD}")


def remove(place: Place, volume: str, id_: str) -> Shell:
    return Shell(f"{_head(place.state_dir)} name={words([name(volume, id_)])}\n{REMOVE}")


@dataclass(frozen=True, slots=True)
class DropSnapshot(Removal):
    """``why``: what it is not needed for any more."""

    snapshot: Snapshot
    place: Place
    why: str

    @property
    def target(self) -> str:
        return f"snapshot:{self.snapshot.name}"

    def describe(self) -> str:
        return f"remove snapshot {self.snapshot.id} of volume {self.snapshot.volume} ({self.why})"

    def effects(self) -> tuple[Effect, ...]:
        return (remove(self.place, self.snapshot.volume, self.snapshot.id),)


# One that counts by now is none that was cut off.
CLEAR = """\
set -eu
[ ! -e "$snapshots/$name" ] || { echo "$name counts by now" >&2; exit 75; }
docker volume rm "$name" >/dev/null
"""


@dataclass(frozen=True, slots=True)
class ClearAway(Removal):
    """A volume for a snapshot that was cut off."""

    volume: str
    place: Place

    @property
    def target(self) -> str:
        return f"volume:{self.volume}"

    def describe(self) -> str:
        return f"remove {self.volume}, a snapshot that was cut off"

    def effects(self) -> tuple[Effect, ...]:
        return (Shell(f"{_head(self.place.state_dir)} name={words([self.volume])}\n{CLEAR}"),)


def _head(state_dir: str) -> str:
    return f"snapshots={words([directory(state_dir)])}"
