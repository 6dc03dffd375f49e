"""Remove what no kept release needs: an image, the configuration in a directory, the notes about both.

Nothing is forced: what the engine says is in use stays, and what is gone already is fine.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet import shell
from fleet.facts.files import CURRENT
from fleet.model.images import ImageRef
from fleet.ops.effects import Effect, Shell

# A name by digest before a tag: the engine drops the digests of a repository with its last tag.
IMAGE = """\
set -eu
for name in "$@"; do
  found=$(docker image inspect --format '{{.Id}}' "$name" 2>/dev/null) || {
    docker image ls -q >/dev/null; continue # an engine that gives no answer is no missing image
  }
  [ "$found" = "$id" ] || { echo "$name is another image since the plan was made" >&2; exit 75; }
  said=$(docker image rm "$name" 2>&1) || case $said in
    *'conflict:'* | *'is being used by'* | *'is using its referenced image'*) exit 0 ;;
    *[Nn]'o such image'*) ;;
    *) printf '%s\\n' "$said" >&2; exit 1 ;;
  esac
done
"""

# Only what Fleet wrote; the mark by which that is known goes last, so that a cut can be made good.
DIRECTORY = f"""\
set -eu
[ -L "$dir/{CURRENT}" ] || exit 0
for file in "$dir"/* "$dir"/.[!.]*; do
  [ ! -L "$file" ] || case $(readlink "$file") in {CURRENT}/*) rm "$file" ;; esac
done
for own in "$dir"/.fleet-*; do
  [ "$own" = "$dir/{CURRENT}" ] || rm -rf "$own"
done
rm "$dir/{CURRENT}"
rmdir "$dir" 2>/dev/null || :
"""

USES = """\
set -eu
umask 077
[ -e "$uses" ] || exit 0
printf %s "$over" >"$uses.over"
grep -vxFf "$uses.over" "$uses" >"$uses.left" || [ $? -eq 1 ]
sync "$uses.left" 2>/dev/null || sync
mv "$uses.left" "$uses"
rm "$uses.over"
"""


@dataclass(frozen=True, slots=True)
class RemoveImage:
    """``names`` are those that releases gave it; one that somebody else gave it keeps the image.
    ``size`` in bytes, with the layers that it shares with others."""

    id: str
    names: tuple[str, ...]
    size: int

    @property
    def target(self) -> str:
        return f"image:{self.names[-1]}"

    @property
    def timeout(self) -> float:
        return 300

    def describe(self) -> str:
        return f"remove image {ImageRef.parse(self.names[-1]).short} ({size_text(self.size)})"

    def diff(self) -> tuple[str, ...]:
        return tuple(f"-{name}" for name in self.names)

    def effects(self) -> tuple[Effect, ...]:
        return (Shell(shell.lines([f"id={_q(self.id)}", f"set -- {shell.words(self.names)}", IMAGE])),)


@dataclass(frozen=True, slots=True)
class RemoveDirectory:
    """The files that Fleet wrote there, and the directory when nothing else is in it."""

    path: str

    @property
    def target(self) -> str:
        return f"config:{self.path}"

    @property
    def timeout(self) -> float:
        return 60

    def describe(self) -> str:
        return f"remove configuration {self.path}"

    def diff(self) -> tuple[str, ...]:
        return ()

    def effects(self) -> tuple[Effect, ...]:
        return (Shell(shell.lines([f"dir={_q(self.path)}", DIRECTORY])),)


@dataclass(frozen=True, slots=True)
class ForgetUses:
    """Drop ``lines`` from the file of uses at ``path``; ``releases`` are those that they are of."""

    path: str
    lines: tuple[str, ...]
    releases: tuple[int, ...]

    @property
    def target(self) -> str:
        return "uses"

    @property
    def timeout(self) -> float:
        return 60

    def describe(self) -> str:
        first, last = min(self.releases), max(self.releases)
        return f"forget what release{f's {first}-{last}' if first < last else f' {first}'} used"

    def diff(self) -> tuple[str, ...]:
        return tuple(f"-{line}" for line in self.lines)

    def effects(self) -> tuple[Effect, ...]:
        text = "".join(f"{line}\n" for line in self.lines)
        return (Shell(shell.lines([f"uses={_q(self.path)} over={_q(text)}", USES])),)


def size_text(size: int) -> str:
    """``214 MB``: bytes in decimal units, as Docker tells them."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}" if size < 10 * factor else f"{size / factor:.0f} {unit}"
    return f"{size / 1e3:.0f} kB"


def _q(word: str) -> str:
    return shell.words([word])
