"""Which containers have passed their gate.

Without that a second run would take a container whose gate had failed, or was cut off, for good: a
running process says nothing about what its gate asks.
"""

from __future__ import annotations

from fleet.facts.probe import Answer, Question
from fleet.facts.volumes import SLASH, directory
from fleet.model.found import Unknown
from fleet.shell import words

DIRECTORY = "proven"

# Of a volume that has moved here it is known from then on that its services are healthy on it. Who only reads
# it, as an exporter does, may be healthy on anything.
MOUNTED = """\
names='{{range .Mounts}}{{if .RW}}{{println (or .Name .Source)}}{{end}}{{end}}'
mounted=$(docker inspect -f "$names" "$name" | tr / SLASH)
IFS='
'
for volume in $mounted; do
  mark=$marks/$volume
  if grep -q '"proven":false' "$mark" 2>/dev/null; then
    sed 's/"proven":false/"proven":true/' "$mark" >"$marks/.$volume.new" || exit
    sync "$marks/.$volume.new" && mv "$marks/.$volume.new" "$mark" || exit
  fi
done
unset IFS
""".replace("SLASH", f"'{SLASH}'")


class ProvenProbe:
    name = "proven"

    def script(self, question: Question) -> str:
        return f"ls -1 {words([f'{question.state_dir}/{DIRECTORY}'])} 2>/dev/null || :"

    def parse(self, answer: Answer) -> tuple[str, ...] | Unknown:
        return tuple(answer.out.split()) if answer.rc == 0 else answer.unknown("proven containers")


def prove(state_dir: str, container: str) -> str:
    """A script that remembers that ``container`` (a name) has passed, also on its volumes, and forgets those
    that are gone."""
    return (
        f"dir={words([f'{state_dir}/{DIRECTORY}'])}\n"
        f"marks={words([directory(state_dir)])} name={words([container])}\n"
        'umask 077; mkdir -p "$dir" && cd "$dir" || exit\n'
        f"{MOUNTED}"
        f"id=$(docker inspect --type container -f '{{{{.Id}}}}' {words([container])}) || exit\n"
        ': >"$id"; here=$(docker ps -aq --no-trunc) || exit\n'
        'for old in *; do case $here in *"$old"*) ;; *) rm -f "$old" ;; esac; done\n'
    )


def disprove(state_dir: str, container: str) -> str:
    """A command that forgets ``container`` (an id): its configuration is about to change."""
    return f"rm -f {words([f'{state_dir}/{DIRECTORY}/{container}'])}"
