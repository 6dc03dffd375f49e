"""Scripts for a dump: a program's own copy of its data, written and read on the host."""

from __future__ import annotations

from fleet.model.snapshots import Within
from fleet.ops.effects import Shell
from fleet.ops.pause import within
from fleet.ops.volume_helper import Helper
from fleet.shell import words

FILE = "dump"

# A pipe tells only how its end has ended.
DUMP = """\
set -eu
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
{ dump || echo "$?" >"$box/failed"; } | docker exec -i "$helper" sh -c 'cat >"$1" && sync "$1"' sh "$file"
if [ -e "$box/failed" ]; then
  echo "the dump command ended with exit status $(cat "$box/failed")" >&2
  exit 1
fi
sum=$(docker exec "$helper" sha256sum "$file")
size=$(docker exec "$helper" stat -c %s "$file")
echo "${sum%% *} $size"
"""

LOAD = """\
set -eu
sum=$(docker exec "$helper" sha256sum "$file")
[ "${sum%% *}" = "$digest" ] || { echo "the dump is not what was recorded: ${sum%% *}" >&2; exit 1; }
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
{ docker exec "$helper" cat "$file" || echo "$?" >"$box/failed"; } | load >&2
[ ! -e "$box/failed" ] || { echo 'the dump could not be read to its end' >&2; exit 1; }
"""


def dump(helper: Helper, command: Within) -> Shell:
    """Prints the digest of what was dumped, and its bytes."""
    given = f"helper={words([helper.name])} file=/copy/{FILE}\ndump() {{ {within(command)}; }}\n"
    return Shell(f"{given}{DUMP}")


def dumped(text: str) -> tuple[str, int]:
    """What :func:`dump` has printed. Raises ValueError."""
    digest, size = text.split()
    return digest, int(size)


def load(helper: Helper, command: Within, digest: str) -> Shell:
    """Fails before anything is loaded when the dump is another one than ``digest`` tells."""
    given = f"helper={words([helper.name])} file=/data/{FILE} digest={words([digest])}\n"
    return Shell(f"{given}load() {{ {within(command, '-i')}; }}\n{LOAD}")
