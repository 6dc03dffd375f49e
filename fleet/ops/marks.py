"""Scripts that write a volume's mark on its host: only over the one that was seen, and never half of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fleet.facts.volumes import directory, file_name, mark_text
from fleet.model.volumes import Mark
from fleet.ops.effects import Shell
from fleet.shell import words

DRIFT = 75

# Spaces do not count: a person may have written it, too. Its time is the host's own.
FUNCTIONS = f"""\
set -eu
umask 077
export LC_ALL=C
bare() {{ tr -d '[:space:]'; }}
mark() {{ if [ -e "$marks/$file" ]; then cat "$marks/$file"; fi; }}
drift() {{ printf '%s\\n' "$*" >&2; exit {DRIFT}; }}
expect() {{ # a mark, or nothing
  found=$(mark)
  found=$(printf %s "$found" | bare)
  [ "$found" = "$(printf %s "$1" | bare)" ] ||
    drift "the mark of volume $volume is not the one that was planned for: ${{found:-there is none}}"
}}
put_mark() {{ # what stands before its time, and after it
  mkdir -p "$marks" &&
    printf '%s%s%s\\n' "$1" "$(date +%s)" "$2" >"$marks/.$file.$$" &&
    sync "$marks/.$file.$$" &&
    mv "$marks/.$file.$$" "$marks/$file" &&
    {{ sync "$marks" 2>/dev/null || sync; }}
}}
"""


def head(state_dir: str, volume: str) -> str:
    """Variables and functions that the other scripts stand on."""
    given = {"marks": directory(state_dir), "file": file_name(volume), "volume": volume}
    return " ".join(f"{name}={words([value])}" for name, value in given.items()) + f"\n{FUNCTIONS}"


def text(mark: Mark | None) -> str:
    return mark_text(mark).strip() if mark else ""


def around(mark: Mark) -> tuple[str, str]:
    """What stands before its time, and after it."""
    before, found, after = text(replace(mark, since=0)).partition('"since":0')
    return before + found[:-1], after


def expect(seen: Mark | None) -> str:
    """A command that ends the script with Drift unless the mark is this one, or there is none."""
    return f"expect {words([text(seen)])}\n"


def put(mark: Mark) -> str:
    """A command; the mark's ``since`` is when it is carried out."""
    return f"put_mark {words(around(mark))}\n"


def write(state_dir: str, volume: str, seen: Mark | None, new: Mark) -> Shell:
    """Prints what it has written. Ends with the status of Drift when the mark is not ``seen`` any more."""
    return Shell(f"{head(state_dir, volume)}{expect(seen)}{put(new)}mark\n")


@dataclass(frozen=True, slots=True)
class Marking:
    """Of ops that change what a host says of one of its volumes."""

    volume: str
    state_dir: str

    @property
    def target(self) -> str:
        return f"mark:{self.volume}"

    @property
    def timeout(self) -> float:
        return 60

    def diff(self) -> tuple[str, ...]:
        return ()
