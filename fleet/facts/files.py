"""Files in the directories that Fleet writes: configuration by content, secrets by fingerprint."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

from fleet.facts.probe import Answer, Question
from fleet.model.found import FoundDir, FoundFile, Unknown
from fleet.shell import words

# Where a directory's files really lie: a symlink switched by one rename changes them all at once.
CURRENT = ".fleet-current"
# Lies there from before the switch until the container has taken the files up.
PENDING = ".fleet-pending"
LARGEST = 262144
FINGERPRINT = re.compile("[0-9a-f]{16}")

# list DIRECTORY WANTED…: bodies of what is wanted or ours only, whatever else may lie there.
SCRIPT = f"""\
list() {{
  dir=$1; shift
  [ -d "$dir" ] || {{ printf 'dir - %s\\n' "$dir"; return; }}
  state=intact
  [ ! -e "$dir/{CURRENT}" ] || (cd "$dir" && sha256sum -c {CURRENT}/.sums) >/dev/null 2>&1 || state=edited
  [ ! -e "$dir/{PENDING}" ] || state=pending
  printf 'dir %s %s\\n' $state "$dir"
  for f in "$dir"/* "$dir"/.[!.]*; do
    [ -f "$f" ] || continue
    case $(readlink "$f") in
      {CURRENT}/*) by=fleet ;;
      *) by=other; known "${{f##*/}}" "$@" || continue ;;
    esac
    mode=$(stat -Lc '%a %u:%g' "$f") sha=$(sha256sum <"$f" | cut -c1-64)
    printf 'file %s %s %s %s %s\\n' "$mode" "$sha" $by "$(name "$f")" "$(body "$f" "${{mode% *}}")"
  done
}}
known() {{ looked=$1; shift; for w; do [ "$w" != "$looked" ] || return 0; done; return 1; }}
name() {{ printf %s "${{1##*/}}" | base64 | tr -d '\\n'; }}
body() {{
  case $2 in
    *[4567]) [ "$(stat -Lc %s "$1")" -gt {LARGEST} ] && printf - || base64 "$1" | tr -d '\\n' ;;
    *) printf - ;;
  esac
}}
"""


class DirsProbe:
    """The content of a file that others may not read stays on the host: it may hold secrets."""

    name = "dirs"

    def script(self, question: Question) -> str:
        configs = [config for service in question.wanted.services for config in service.configs]
        return SCRIPT + "\n".join(
            f"list {words([config.directory, *(file.name for file in config.files)])}" for config in configs
        )

    def parse(self, answer: Answer) -> dict[str, FoundDir] | Unknown:
        if answer.rc:
            return answer.unknown("configuration files")
        found: dict[str, FoundDir] = {}
        files: list[FoundFile] = []
        path = ""
        for line in answer.out.splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "dir":
                mark, _, path = rest.partition(" ")
                files = []
                found[path] = FoundDir(path, mark != "-", mark != "edited", pending=mark == "pending")
            elif kind == "file":
                mode, owner, sha, by, name, body = rest.split(" ")
                content = None if body == "-" else _text(body)
                files.append(FoundFile(_text(name), mode.zfill(4), sha, owner, by == "fleet", content))
                found[path] = replace(found[path], files=tuple(files))
            else:
                return answer.unknown("configuration files")
        return found


def _text(encoded: str) -> str:
    return base64.b64decode(encoded, validate=True).decode("utf-8", "replace")


class SealedProbe:
    """Files with secrets are compared by the fingerprints written beside them, while they still
    have the content that was written then."""

    name = "sealed"

    def script(self, question: Question) -> str:
        services = question.wanted.services
        places = {service.secret_dir for service in services if service.secrets}
        places |= {f"{config.directory}/{CURRENT}" for service in services for config in service.configs}
        return "\n".join(
            f"printf 'dir %s\\n' {words([place])}\n"
            f"(cd {words([place])} && sha256sum -c .sums >/dev/null && cat .fingerprints) 2>/dev/null || :"
            for place in sorted(places)
        )

    def parse(self, answer: Answer) -> dict[str, dict[str, str]] | Unknown:
        if answer.rc:
            return answer.unknown("secret files")
        found: dict[str, dict[str, str]] = {}
        current: dict[str, str] = {}
        for line in answer.out.splitlines():
            first, _, rest = line.partition(" ")
            if first == "dir":
                current = found.setdefault(rest.removesuffix(f"/{CURRENT}"), {})
            elif FINGERPRINT.fullmatch(first) and found:
                current[rest] = first
            else:
                return answer.unknown("secret files")
        return found
