"""One script for the checks around a start or a stop: it waits on the host, and ends with what is missing."""

from __future__ import annotations

import math
import shlex

from fleet.health.script import FORMAT, HEAD
from fleet.model.gates import ExecCheck, HttpCheck, TcpCheck
from fleet.model.transitions import CommandCheck, FreeCheck, SleepCheck, Transition, TransitionCheck
from fleet.shell import words

UNMET = 69
"""The exit status of a script whose checks were not good in time."""

# A command has all the time that is left: what lets a container finish its work is not cut off before the
# deadline. A container that has ended by itself has nothing more to finish.
WAIT = r"""left() { echo $((ends - $(date +%s))); }
here() { report=$(timeout "$limit" "$@" 2>&1 </dev/null); told $? "command $1"; }
free() {
  port=$(printf '%04X' "$1")
  ! cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '{print $4 $2}' | grep -q "^0A.*:$port\$"
  verdict $? "free :$1: something listens"
}
runs() { [ -z "$name" ] || [ "$(docker inspect -f '{{.State.Running}}' "$name" 2>/dev/null)" = true ]; }
await() { # a check
  while runs || exit 0; do
    limit=$(left)
    [ "$limit" -ge 1 ] || limit=1
    said=$("$@")
    [ "$said" != "$(good)" ] || return 0
    if [ "$(left)" -le 0 ]; then
      runs || exit 0
      printf '%s: not within %s s: %s\n' "$state" "$deadline" "${said#?no:}" >&2
      exit UNMET
    fi
    sleep "$interval"
  done
}
""".replace("UNMET", str(UNMET))


def waiting(state: str, transition: Transition, container: str) -> str:
    """``state``: which of the transitions it is. ``container``: the one that is asked while it runs; empty:
    there is none."""
    lines = [
        f"state={state} deadline={transition.deadline:g} interval={transition.interval:g}",
        f"ends=$(($(date +%s) + {math.ceil(transition.deadline)}))",
        f"name={words([container])}",
    ]
    if container:
        lines += [
            f'set -- $(docker inspect -f {shlex.quote(FORMAT)} "$name" 2>/dev/null)',
            "own=${6:-127.0.0.1}",
        ]
    lines += [line for check in transition.checks for line in _lines(check)]
    return HEAD + WAIT + "".join(f"{line}\n" for line in lines)


def _lines(check: TransitionCheck) -> tuple[str, ...]:
    match check:
        case HttpCheck(port, path, status, match, host):
            return _asked(host), "await " + words(["http", str(port), path, str(status), match])
        case TcpCheck(port, host):
            return _asked(host), "await " + words(["tcp", str(port)])
        case ExecCheck(command):
            return ("await " + words(["inside", *command]),)
        case CommandCheck(command):
            return ("await " + words(["here", *command]),)
        case FreeCheck(port):
            return (f"await free {port}",)
        case SleepCheck(seconds):
            return (f"sleep {seconds:g}",)


def _asked(host: str) -> str:
    return f"ip={words([host])} at={words([host])}" if host else "ip=$own at="
