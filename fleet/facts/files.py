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
LARGEST = 262144
FINGERPRINT = re.compile("[0-9a-f]{16}")

SCRIPT = f"""\
list() {{
  [ -d "$1" ] || {{ printf 'dir - %s\\n' "$1"; return; }}
  state=intact
  [ ! -e "$1/{CURRENT}" ] || (cd "$1" && sha256sum -c --status {CURRENT}/.sums) 2>/dev/null || state=edited
  printf 'dir %s %s\\n' $state "$1"
  for f in "$1"/* "$1"/.[!.]*; do
    [ -f "$f" ] || continue
    mode=$(stat -Lc %a "$f") sha=$(sha256sum <"$f" | cut -c1-64)
    case $(readlink "$f") in {CURRENT}/*) by=fleet ;; *) by=other ;; esac
    printf 'file %s %s %s %s %s\\n' "$mode" "$sha" $by "$(name "$f")" "$(body "$f" "$mode")"
  done
}}
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
        directories = sorted(
            {config.directory for service in question.wanted.services for config in service.configs}
        )
        return SCRIPT + "\n".join(f"list {words([directory])}" for directory in directories)

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
                found[path] = FoundDir(path, exists=mark != "-", intact=mark != "edited")
            elif kind == "file":
                mode, sha, by, name, body = rest.split(" ")
                content = None if body == "-" else _text(body)
                files.append(FoundFile(_text(name), mode.zfill(4), sha, by == "fleet", content))
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
            f"(cd {words([place])} && sha256sum -c --status .sums && cat .fingerprints) 2>/dev/null || :"
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
