"""The sampler: one loop on the host that prints a line per sample, and the reader of that line.

It asks the container's own address: on 127.0.0.1 the engine's proxy accepts connections also while
nothing listens behind it.
"""

from __future__ import annotations

import shlex

from fleet.health.judge import CheckResult, Sample, leaves
from fleet.model.gates import (
    AnyOf,
    Check,
    ControllerCheck,
    DockerCheck,
    ExecCheck,
    GateSpec,
    HttpCheck,
    LogCheck,
    RunningCheck,
    TcpCheck,
)
from fleet.shell import words

# at: whom a check names as its address, when that is not the container; limit: seconds that a command has.
HEAD = r"""export LC_ALL=C
at= limit=5
say() { printf '\t%s' "$(printf %s "$1" | tr '\n\t\r' '   ' | cut -c1-1000)"; }
verdict() { if [ "$1" -eq 0 ]; then good; else say "no:$2"; fi; }
good() { printf '\tok'; }
fetch() {
  if command -v curl >/dev/null; then
    curl -s --noproxy '*' --max-time 5 -o - -w '\n%{http_code}' "http://$ip:$1$2" || printf '\n000'
  elif command -v bash >/dev/null; then
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2" || exit
      printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$3" "$1" >&3 &&
      IFS= read -r first <&3 && body=$(cat <&3) && set -- $first && printf "%s\n%s" "$body" "$2"' \
      bash "$ip" "$1" "$2" 2>/dev/null || printf '\n000'
  else
    printf '\nneither curl nor bash on the host'
  fi
}
http() { # port path status match
  answer=$(fetch "$1" "$2"); status=${answer##*"
"}; body=${answer%"
"*}
  case $status in
    "$3") ;;
    000) say "no:http $at:$1$2: no answer"; return ;;
    *) say "no:http $at:$1$2: status $status, wanted $3: $(printf %s "$body" | tail -n 1)"; return ;;
  esac
  [ -z "$4" ] || printf %s "$body" | grep -Eq -e "$4"
  verdict $? "http $at:$1$2: body does not match $4"
}
tcp() {
  if command -v bash >/dev/null; then
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$ip" "$1" 2>/dev/null
  else
    curl -s --noproxy '*' --max-time 5 -o /dev/null "telnet://$ip:$1" </dev/null 2>/dev/null
  fi
  verdict $? "tcp $at:$1: nothing listens"
}
told() { # exit status, what was run
  [ "$1" -ne 124 ] || report="no end after $limit s"
  [ -n "$report" ] || report="exit status $1"
  verdict "$1" "$2: $report"
}
inside() { report=$(timeout "$limit" docker exec "$name" "$@" 2>&1); told $? "exec $1"; }
logged() {
  docker logs --since "$started" "$name" 2>&1 | grep -Eq -e "$1"
  verdict $? "log: no line matches $1"
}
"""

FORMAT = (
    "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}} "
    "{{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} "
    "{{.State.StartedAt}} "
    "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
)


def sampler(container: str, spec: GateSpec) -> str:
    """A script that samples until it is stopped; its own end is the gate's deadline and a margin."""
    checks = "\n".join(f"  {_command(check)}" for check in leaves(spec.checks))
    return f"""{HEAD}
name={words([container])}
while :; do
  # Within the shell: a program for each word of it would cost more than the rest.
  facts=$(docker inspect -f {shlex.quote(FORMAT)} "$name" 2>/dev/null) || facts='gone 0 0 -'
  set -- $facts
  health=$4 started=$5 ip=${{6:-127.0.0.1}}
  printf 'sample\\t%s\\t%s\\t%s\\t%s' "$1" "$2" "$3" "$4"
{checks}
  printf '\\n'
  sleep {spec.interval:g}
done
"""


def _command(check: Check) -> str:
    match check:
        case HttpCheck(port, path, status, match):
            return words(["http", str(port), path, str(status), match])
        case TcpCheck(port):
            return words(["tcp", str(port)])
        case ExecCheck(command):
            return words(["inside", *command])
        case LogCheck(pattern):
            return words(["logged", pattern])
        case DockerCheck():
            return '[ "$health" = healthy ]; verdict $? "Docker health is $health"'
        case RunningCheck() | ControllerCheck():
            # Running is part of every sample; the controller's own checks are made there.
            return "good"
        case AnyOf():
            raise AssertionError("leaves() has opened it")


def read(line: str, at: float) -> Sample | None:
    """One line of the sampler's output; None for anything else."""
    kind, *columns = line.rstrip("\n").split("\t")
    if kind != "sample" or len(columns) < 4:
        return None
    state, exit_code, restarts, health, *results = columns
    return Sample(
        at,
        state,
        int(exit_code or 0),
        int(restarts or 0),
        health.strip("-"),
        tuple(CheckResult(result == "ok", result.removeprefix("no:")) for result in results),
    )
