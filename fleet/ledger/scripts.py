"""The scripts that keep the ledger on its host: POSIX sh, coreutils and flock.

Each works below :attr:`Place.base` and holds a lock, so that each is alone. A file is written beside its
place, brought to the disk, and only then given its name; what has its name is never changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from fleet.ledger.codec import RecordFiles, line
from fleet.model import codec
from fleet.model.leases import Claim
from fleet.model.place import Place
from fleet.shell import words

NONE, CANNOT, FENCED, BUSY, NO_FLOCK, LEASE_DAMAGED = 66, 74, 76, 77, 78, 79
"""Exit statuses: no such release, cannot be written, the lease is not ours, locked for too long, …"""

WRITING = f"""\
set -eu
umask 077
export LC_ALL=C
fail() {{ code=$1; shift; printf '%s\\n' "$*" >&2; exit "$code"; }}
put() {{ # file, text. The shell's own printf does not tell why it failed, so cat does.
  printf %s "$2" >"$1" || printf %s "$2" | cat >"$1" || fail {CANNOT} "$1 cannot be written"
}}
flush() {{ sync "$@" || fail {CANNOT} "$1 cannot be brought to the disk"; }}
settle() {{ sync "$1" 2>/dev/null || sync; }} # not every file system can do that for a directory
"""

ENTER = f"""\
command -v flock >/dev/null || fail {NO_FLOCK} 'flock is not installed'
mkdir -p "$base/ledger/content" && cd "$base" || fail {CANNOT} "$base cannot be made"
exec 9>lock
flock -w 10 9 || fail {BUSY} "somebody has held $base/lock for 10 s"
"""

LEASE = f"""\
look() {{
  token=0 expires=0 state=free claim=
  [ ! -e lease ] || {{ read -r token expires state && IFS= read -r claim; }} <lease || state=
  case $token$expires in *[!0-9]*) state= ;; esac
  case $state in held | free) ;; *) fail {LEASE_DAMAGED} "$base/lease cannot be read" ;; esac
  now=$(date +%s) left=0
  [ "$expires" -eq 0 ] || left=$((expires - now))
  [ "$expires" -eq 0 ] || [ "$left" -gt 0 ] || [ "$state" = free ] || state=expired
}}
tell() {{ printf '\\n@lease %s %s %s\\n@claim %s\\n' "$token" "$left" "$state" "$claim"; }}
hold() {{ # expires, held or free
  put lease.new "$token $1 $2
$claim
"
  flush lease.new; mv lease.new lease; settle .
}}
refuse() {{ tell; fail {FENCED} 'the lease is not ours'; }}
"""

# A new ledger has no lease yet, but its host may have seen tokens of the one before.
TAKE = """\
look
if [ "$state" = held ] && [ "$token" != "$over" ]; then
  tell
else
  for seen in fence/*; do
    seen=${seen##*/}
    case $seen in *[!0-9]*) ;; *) [ "$seen" -le "$token" ] || token=$seen ;; esac
  done
  token=$((token + 1)) claim=$wanted expires=0
  [ "$seconds" -eq 0 ] || expires=$((now + seconds))
  hold "$expires" held
  printf '\\n@taken %s\\n' "$token"
fi
"""

CHECKED = 10
"""The newest releases whose records are checked by every look; an older one is when it is read."""

HISTORY = f"""\
if cd ledger 2>/dev/null; then
  echo
  for name in *; do printf '@name %s\\n' "$name"; done
  head -v -n 3 [0-9]*.head [0-9]*.e[0-9]* 2>/dev/null || :
  printf '\\n@end .\\n'
  set -- [0-9]*.record
  [ $# -le {CHECKED} ] || shift $(($# - {CHECKED}))
  sha256sum "$@" 2>/dev/null | sed 's/^/@sum /'
fi
"""

# Without the right to look into it, it seems not to be there.
VISIT = f"""\
why=$(ls -d "$base/." 2>&1 >/dev/null) ||
  case $why in *'No such file'*) exit 0 ;; *) fail {CANNOT} "$why" ;; esac
cd "$base"
"""


def opening(place: Place, claim: Claim | None, over: int = 0) -> str:
    """Take the lease, if there is a ``claim``, and print who has it and the history. Without a claim it
    changes nothing."""
    begin = f"{_base(place)}{WRITING}{LEASE}"
    if claim is None:
        return f"{begin}{VISIT}look; tell\n{HISTORY}"
    return f"{begin}{_claimed(claim)}over={int(over)}\n{ENTER}{TAKE}{HISTORY}"


def renew(place: Place, token: int, claim: Claim) -> str:
    return (
        f"{_owned(place, token)}{_claimed(claim)}"
        '[ "$state" = held ] || refuse\n'
        'claim=$wanted expires=0; [ "$seconds" -eq 0 ] || expires=$((now + seconds))\n'
        'hold "$expires" held\n'
    )


def release(place: Place, token: int) -> str:
    """Nothing happens when it is another's."""
    return (
        f"{_base(place)}{WRITING}{LEASE}{ENTER}look\n"
        f'[ "$token" -ne {int(token)} ] || [ "$state" = free ] || hold 0 free\n'
    )


def raise_token(place: Place, token: int) -> str:
    """Let the next holder's token be higher than ``token``; the lease and who has it stay."""
    seen = f"fence/{int(token)}"
    return (
        f"{_base(place)}{WRITING}{ENTER}"
        f"mkdir -p fence && true >{seen} || fail {CANNOT} '{seen} cannot be written'\n"
        "settle fence\n"
    )


def begin(place: Place, token: int, files: RecordFiles, entry: str) -> str:
    """Write a release and print its number. The head comes last: without it the history shows nothing."""
    return (
        f"{_owned(place, token)}cd ledger\n"
        "number=1\n"
        "for name in [0-9]*.head; do name=${name%.head}; done\n"
        '[ ! -e "$name.head" ] || number=$((${name#"${name%%[!0]*}"} + 1))\n'
        "name=$(printf %06d $number)\n"
        f"{contents(files.contents)}{_release(files, {1: entry})}"
        "printf '\\n@number %s\\n' $number\n"
    )


def add(place: Place, token: int, number: int, entry: str) -> str:
    return (
        f"{_owned(place, token)}cd ledger\n"
        f"name={stem(number)} index=1\n"
        f'[ -e "$name.head" ] || fail {NONE} "there is no release {int(number)}"\n'
        'for one in "$name".e[0-9]*; do\n'
        "  one=${one##*.e}; one=${one#0}\n"
        '  case $one in *[!0-9]*) ;; *) [ "$one" -lt $index ] || index=$((one + 1)) ;; esac\n'
        "done\n"
        f"put new.entry {words([entry])}; flush new.entry\n"
        f'ln new.entry "$name.e$(printf %02d $index)" || fail {CANNOT} "$name cannot be written"\n'
        "rm new.entry; settle .\n"
    )


def restore(place: Place, number: int, files: RecordFiles, entries: Mapping[int, str]) -> str:
    """Write a release under its own number, over what is left of it there."""
    return (
        f"{_base(place)}{WRITING}{ENTER}cd ledger\n"
        f'name={stem(number)}; rm -f "$name.head"\n'
        f"{contents(files.contents)}{_release(files, entries)}"
    )


def record(place: Place, number: int) -> str:
    """Print the files of one release, and all contents that it refers to."""
    return (
        f"{_base(place)}{WRITING}{VISIT}cd ledger 2>/dev/null || exit 0\n"
        f"name={stem(number)}\n"
        'head -v -n 3 "$name".head "$name".record "$name".e* 2>/dev/null || :\n'
        "names=$(grep -oE '[0-9a-f]{64}' \"$name.record\" 2>/dev/null | sort -u)\n"
        '[ -z "$names" ] || { cd content && head -v -n 3 $names 2>/dev/null; } || :\n'
        "printf '\\n@end .\\n'\n"
    )


def contents(texts: Mapping[str, str], into: str = "content") -> str:
    """Below the current directory. One that is there already is the same, and is made whole if it was not."""
    if not texts:
        return ""
    return "\n".join((
        "rm -rf new; mkdir new",
        *(f"put new/{words([name])} {words([text])}" for name, text in texts.items()),
        f"flush new/*; mv -f new/* {into}/; rmdir new; settle {into}\n",
    ))  # fmt: skip


def stem(number: int) -> str:
    return f"{number:06d}"


def _release(files: RecordFiles, entries: Mapping[int, str]) -> str:
    """``$name`` in the current directory, over what a cut run may have left."""
    fresh = ["new.record", "new.head", *(f"new.e{index:02d}" for index in entries)]
    return "\n".join((
        f"put new.record {words([files.record])}; put new.head {words([files.head])}",
        *(f"put new.e{index:02d} {words([text])}" for index, text in entries.items()),
        f"flush {words(fresh)}",
        'rm -f "$name".record "$name".e*; mv new.record "$name.record"',
        *(f'mv new.e{index:02d} "$name.e{index:02d}"' for index in entries),
        f'settle .; ln new.head "$name.head" || fail {CANNOT} "$name cannot be written"',
        "rm new.head; settle .\n",
    ))  # fmt: skip


def _owned(place: Place, token: int) -> str:
    """Whoever was late may still write, as long as nobody came after."""
    return (
        f"{_base(place)}{WRITING}{LEASE}{ENTER}look\n"
        f'[ "$token" -eq {int(token)} ] && [ "$state" != free ] || refuse\n'
    )


def _claimed(claim: Claim) -> str:
    # The clock counts whole seconds: one more, so that it never expires before its holder thinks so.
    seconds = math.ceil(claim.seconds) + 1 if claim.seconds else 0
    return f"wanted={words([line(codec.dump(claim))])} seconds={seconds}\n"


def _base(place: Place) -> str:
    return f"base={words([place.base])}\n"
