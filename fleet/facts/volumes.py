"""Volumes, the containers that mount them, and what the host's own files say of whose data is in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace

from fleet.facts.listing import TELL
from fleet.facts.probe import Answer, Question
from fleet.model import codec, labels
from fleet.model.desired import HostState
from fleet.model.found import Unknown
from fleet.model.volumes import FoundVolume, Mark, is_directory
from fleet.shell import words

DIRECTORY = "volumes"
"""Below the state directory: a file for each marked volume, called like it. A name that begins with a dot is
of a file that is being written."""

SLASH = "%"
"""In place of it in the names of these files: a directory is called by its path."""

LABELS = (labels.PROJECT, labels.ENV, labels.ROLE, labels.SNAPSHOT)
VOLUME = "\t".join(
    ["volume {{.Name}}", "{{.Driver}}", *(f'{{{{.Label "{one}"}}}}' for one in LABELS), "{{json .Labels}}"]
)

# Not told by the list. A call of its own, so only of what is to be compared with a role. What a device holds
# is only seen where something mounts it, but for a directory.
OPTIONS = """\
roots() {
  tab=$(printf '\\t')
  while read -r row; do
    case $row in 'root '*) ;; *) printf '%s\\n' "$row"; continue ;; esac
    IFS=$tab read -r name path device type end <<END
${row#root }
END
    case $device,$type in ,) ;; *,none) path=$device ;; *) continue ;; esac
    owner=$(stat -c %u:%g "$path" 2>/dev/null) || continue
    count=0
    case "
$owners
" in *"
$name $owner
"*) ;; *"
$name "*) count=$(find "$path" | wc -l) ;; esac
    printf 'owner %s\\t%s\\t%s\\n' "$name" "$owner" "$count"
  done
}
[ $# = 0 ] || docker volume inspect -f 'options {{.Name}}\t{{json .Options}}
root {{.Name}}\t{{.Mountpoint}}\t{{with .Options}}{{index . "device"}}\t{{index . "type"}}{{end}}' "$@" \
  2>/dev/null | roots || :
"""

# The name of a volume is no path, so that the sources of bind mounts, which stand there too, are none.
SCRIPT = f"""\
docker volume ls --format '{VOLUME}' || exit
{OPTIONS}\
{TELL}\
marks() {{
[ -d "$dir" ] || return 0
cd "$dir" || return
for name in *; do
  [ -e "$name" ] || continue
  text=$(cat "$name") || return
  printf 'mark %s\\t%s\\n' "$name" "$text"
  case $name in {SLASH}*) directories=$(echo "$directories"; echo "$name" | tr {SLASH} /) ;; esac
done
}}
marks || exit
printf '%s\\n' "$directories" | while read -r path; do
  [ ! -d "$path" ] || printf 'directory %s\\t%s\\n' "$path" "$(ls -A "$path" | head -c 1)"
done
"""


class VolumesProbe:
    name = "volumes"

    def script(self, question: Question) -> str:
        paths = "\n".join(_directories(question.wanted))
        owners = "\n".join(
            f"{one.name} {one.care.owner}" for one in question.wanted.volumes if one.care.owner
        )
        head = {"dir": directory(question.state_dir), "directories": paths, "owners": owners}
        given = "".join(f"{name}={words([value])}\n" for name, value in head.items())
        return f"{given}set -- {words(_made(question.wanted))}\n{SCRIPT}"

    def parse(self, answer: Answer) -> Mapping[str, FoundVolume] | Unknown:
        if answer.rc:
            return answer.unknown("volumes")
        users: dict[str, list[str]] = {}
        for container, mounts in _rows(answer.out, "mounts", 2):
            for name in mounts.split(","):
                users.setdefault(name, []).append(container)
        marks = dict(_rows(answer.out, "mark", 2))
        found: dict[str, FoundVolume] = {}
        options = {name: json.loads(text) or {} for name, text in _rows(answer.out, "options", 2)}
        owned = {name: (owner, int(count)) for name, owner, count in _rows(answer.out, "owner", 3)}
        rows = [(name, *rest) for name, *rest in _rows(answer.out, "volume", 7)]
        # One that is empty and that nobody has marked is no data.
        held = [name for name, any_ in _rows(answer.out, "directory", 2) if any_ or file_name(name) in marks]
        rows += [(name, "local", "", "", "", "", '""') for name in held]
        for name, driver, project, env, role, snapshot, given in rows:
            mounting = tuple(sorted(users.get(name, ())))
            birth = made(json.loads(given))
            one = FoundVolume(name, driver, None, mounting, project, env, role, snapshot, birth)
            if name in options:
                one = replace(one, options=tuple(sorted(options[name].items())))
            if name in owned:
                one = replace(one, owner=owned[name][0], entries=owned[name][1])
            found[name] = _marked(one, marks[file_name(name)]) if file_name(name) in marks else one
        return dict(sorted(found.items()))


def directory(state_dir: str) -> str:
    """Where a host keeps the marks of its volumes."""
    return f"{state_dir}/{DIRECTORY}"


def file_of(state_dir: str, volume: str) -> str:
    return f"{directory(state_dir)}/{file_name(volume)}"


def file_name(volume: str) -> str:
    """What files that are noted of it are called."""
    return volume.replace("/", SLASH)


def mark_text(mark: Mark) -> str:
    """What a mark's file holds: all fields, so that a script can change one of them; but not those that older
    marks lack, and most never have."""
    seldom = {"snapshot", "made", "called", "mounted", "upgrades", "owned", "came"}
    text = {key: value for key, value in asdict(mark).items() if value or key not in seldom}
    return codec.canonical(text) + "\n"


def made(labels: str) -> str:
    """``FoundVolume.made`` of what the engine tells: ``a=b,c=d``, in any order."""
    return hashlib.sha256(",".join(sorted(labels.split(","))).encode()).hexdigest()[:12] if labels else ""


def made_with(labels: Mapping[str, str]) -> str:
    return made(",".join(f"{key}={value}" for key, value in labels.items()))


def remade(mark: Mark, made: str) -> bool:
    """Does it tell of another volume of the same name?"""
    return bool(mark.made) and mark.made != made


def read_mark(text: str) -> Mark:
    """Raises ValueError."""
    return codec.load(Mark, json.loads(text))


def _marked(found: FoundVolume, text: str) -> FoundVolume:
    try:
        mark = read_mark(text)
    except ValueError:
        return replace(found, damaged=True)
    return replace(found, left=mark) if remade(mark, found.made) else replace(found, mark=mark)


def _directories(wanted: HostState) -> list[str]:
    names = (name for one in wanted.volumes for name in (one.name, one.origin))
    return [name for name in dict.fromkeys(names) if is_directory(name)]


def _made(wanted: HostState) -> list[str]:
    """Those that a role says how to make."""
    return [one.name for one in wanted.volumes if not one.external and not is_directory(one.name)]


def _rows(out: str, kind: str, columns: int) -> Iterator[list[str]]:
    """The client may warn on its other stream."""
    for line in out.splitlines():
        row = line.removeprefix(f"{kind} ").split("\t")
        if line.startswith(f"{kind} ") and len(row) == columns:
            yield row
