"""The first lines of every script that changes a host: they refuse whoever has lost the lease.

The tokens that a host has seen are names of empty files. So raising the fence is one step that no other
script can undo, and the usual look at it starts no program but ``date``.
"""

from __future__ import annotations

from fleet.ledger.scripts import FENCED
from fleet.model.place import Place
from fleet.shell import words


def fence_check(place: Place, token: int, until: int) -> str:
    """Exit status 76 when the host has seen a higher token, or its clock says ``until`` (seconds since
    1970). Leaves no trace in the shell that it runs in. Our token is put up before the look: of two at once
    the later one is seen by the other."""
    token, until = int(token), int(until)
    return f"""\
(
  umask 077
  cd / && fence={words([f"{place.base}/fence"])}
  refuse() {{ printf '%s\\n' "$1" >&2; exit {FENCED}; }}
  [ "$(date +%s)" -lt {until} ] || refuse 'the lease has expired by the clock of this host'
  [ -e "$fence/{token}" ] || {{ mkdir -p "$fence" && true >"$fence/{token}"; }} || exit 1
  for seen in "$fence"/*; do
    seen=${{seen##*/}}
    case $seen in *[!0-9]*) continue ;; esac
    [ "$seen" -le {token} ] || refuse "another has worked here since: its token is $seen, ours is {token}"
    [ "$seen" -eq {token} ] || rm -f "$fence/$seen"
  done
) || exit
"""
