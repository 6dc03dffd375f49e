"""A command within the container of a service: found by our labels, and never left running there."""

from __future__ import annotations

from collections.abc import Iterable

from fleet.model import labels
from fleet.model.place import Place
from fleet.shell import words

OTHERS = "".join(f'{{{{.Label "{label}"}}}}' for label in (labels.JOB, labels.COPY))
"""What jobs and helpers have and services have not."""

# What is begun by docker exec outlives its client. So the client holds an input open that nobody writes to:
# when the client dies, however that is, its end is seen in there, and the whole process group is ended.
LIFELINE = """\
exec 3<&0 </dev/null
(trap '' TERM; read -r _ <&3; kill -s TERM -- -$$; sleep 5; kill -s KILL -- -$$) >/dev/null 2>&1 &
sh -c "$1" 3<&-
status=$?
kill -s KILL $! 2>/dev/null
exit $status
"""


def listed(place: Place, role: str, service: str, *, stopped: bool = False) -> str:
    """Shell that leaves the full ids of the service's containers in ``ids``, the newest first, or ends."""
    marks = {labels.PROJECT: place.project, labels.ENV: place.env, labels.ROLE: role}
    if service:
        marks[labels.SERVICE] = service
    every = ("--all",) if stopped else ()
    template = f"{{{{.ID}}}} {OTHERS}"
    ask = words(["docker", "ps", *every, "--no-trunc", *filters(marks.items()), "--format", template])
    return (
        f"ids=$({ask}) || exit\n"
        'ids=$(echo "$ids" | while read -r id other; do [ -n "$other" ] || echo "$id"; done)\n'
    )


def filters(marks: Iterable[tuple[str, str]]) -> list[str]:
    return [word for label, value in marks for word in ("--filter", f"label={label}={value}")]


def found(place: Place, role: str, service: str) -> str:
    """Shell that leaves the container's id in ``id``, or ends."""
    return (
        f"{listed(place, role, service)}"
        "id=${ids%%[!0-9a-f]*}\n"
        f'[ -n "$id" ] || {{ echo {words([f"{role}.{service} does not run here"])} >&2; exit 1; }}\n'
    )


def inside(place: Place, role: str, service: str, line: str) -> str:
    """A script for the host that runs ``line`` in the service's container."""
    return found(place, role, service) + OPEN + _within(line)


def inside_each(place: Place, role: str, service: str, line: str) -> str:
    """The same in all instances of the service that run, one after the other; where there are several, each
    under its name. It ends as the first that failed, or well."""
    marks = {labels.PROJECT: place.project, labels.ENV: place.env, labels.ROLE: role}
    row = row_of(service, '.Label "%s"', f'{{{{.Label "{labels.INSTANCE}"}}}},{{{{.ID}}}}')
    ask = words(["docker", "ps", "--no-trunc", *filters(marks.items()), "--format", row])
    return (
        f"rows=$({ask}) || exit\n"
        f'[ -n "$rows" ] || {{ echo {words([f"{role}.{service} does not run here"])} >&2; exit 1; }}\n'
        # The first has no number.
        'rows=$(echo "$rows" | sort -n)\n'
        f"{OPEN}set -- $rows\nfailed=0\n"
        "for row; do\n"
        "  row=${row#*,} id=${row%%,*} name=${row##*,}\n"
        '  [ $# = 1 ] || echo "$name:"\n'
        f"  {_within(line)}"
        "  status=$?\n"
        '  [ "$status" = 0 ] || [ $# = 1 ] || echo "$name: exit status $status" >&2\n'
        '  [ "$failed" != 0 ] || failed=$status\n'
        'done\nexit "$failed"\n'
    )


OPEN = 'pipe=$(mktemp -u) && mkfifo -m 600 "$pipe" || exit\nexec 9<>"$pipe"\nrm -f "$pipe"\n'


def _within(line: str) -> str:
    return f'docker exec -i "$id" sh -c {words([LIFELINE])} sh {words([line])} <&9\n'


def row_of(service: str, label: str, head: str) -> str:
    """A template of Docker: ``head,ROLE.SERVICE`` of a service's instances, without ``service`` of every one;
    nothing for jobs and helpers. ``label`` is how a label is read there."""
    job, copy, role, named, instance = (
        label % name for name in (labels.JOB, labels.COPY, labels.ROLE, labels.SERVICE, labels.INSTANCE)
    )
    wanted = f"not (or ({job}) ({copy}))"
    if service:
        number = f'(printf "{service}-%s" ({instance}))'
        wanted = f'and ({wanted}) (or (eq ({named}) "{service}") (eq ({named}) {number}))'
    return f"{{{{if {wanted}}}}}{head},{{{{{role}}}}}.{{{{{named}}}}}{{{{end}}}}"


def terminal(place: Place, role: str, service: str, line: str) -> str:
    """The same on a terminal; without ``line`` a shell, bash where there is one."""
    shell = line or "command -v bash >/dev/null && exec bash; exec sh"
    return f'{found(place, role, service)}exec docker exec -it "$id" sh -c {words([shell])}\n'
