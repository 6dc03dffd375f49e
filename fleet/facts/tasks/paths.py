"""Paths that tasks are about: what is there, and a file's content where everybody may read it."""

from __future__ import annotations

import hashlib

from fleet.facts.files import FINGERPRINT, LARGEST
from fleet.facts.probe import Answer, Question
from fleet.facts.tasks.bodies import AS_ROOT, ENCODE, decoded, told
from fleet.model.found import Unknown
from fleet.model.found_tasks import FoundPath
from fleet.model.tasks import FileTask, files_of, task_dir
from fleet.secret import refs_of
from fleet.shell import words

SEE = f"""\
{ENCODE}see() {{ # a path: link or -, kind, mode, owner, group, uid:gid, sha256, where a link leads
  link=- target='' kind=absent attributes='- - - -' sha=-
  [ ! -L "$1" ] || {{ link=link; target=$(readlink "$1"); }}
  if [ -f "$1" ]; then kind=file; elif [ -d "$1" ]; then kind=directory; elif [ -e "$1" ]; then kind=other; fi
  [ $kind = absent ] || attributes=$(stat -Lc '%a %U %G %u:%g' "$1") || return
  [ $kind != file ] || {{ sha=$(sha256sum <"$1") || return; sha=${{sha%% *}}; }}
  printf '%s %s %s %s %s' $link $kind "$attributes" $sha "$(encode "$target")"
}}
"""

LOOK = f"""\
look() {{ # path, the file that tells of its secrets
  seen=$(see "$1") || exit 1
  rest=${{seen#* * }} body=- mark=-
  case $seen in *' file '*)
    case ${{rest%% *}} in
      *[4567]) [ "$(stat -Lc %s "$1")" -gt {LARGEST} ] || body=$(base64 "$1" | tr -d '\\n')= ;;
    esac
    sha=${{seen% *}}; sha=${{sha##* }}
    [ ! -s "$2" ] || {{ read -r of print <"$2"; [ "$of" != "$sha" ] || mark=$print; }} ;;
  esac
  printf 'path %s %s %s %s\\n' "$seen" "$body" "$mark" "$(encode "$1")"
}}
"""


def marks_file(directory: str, path: str) -> str:
    """Where the host notes of which secrets it wrote ``path``; ``directory`` as of ``task_dir``."""
    return f"{directory}/files/{hashlib.sha256(path.encode()).hexdigest()[:32]}"


class PathsProbe:
    name = "paths"

    def script(self, question: Question) -> str:
        found: dict[str, bool] = {}
        for task in question.wanted.tasks:
            if path := files_of(task.body):
                sealed = isinstance(task.body, FileTask) and bool(refs_of(task.body.content or ""))
                found[path] = found.get(path, False) or sealed
        if not found:
            return ""
        directory = task_dir(question.state_dir, question.project, question.env)
        calls = (
            f"look {words([path, marks_file(directory, path) if sealed else ''])}"
            for path, sealed in found.items()
        )
        return AS_ROOT + SEE + LOOK + "\n".join(calls)

    def parse(self, answer: Answer) -> dict[str, FoundPath] | Unknown:
        rows = told(answer, "files of host tasks", "path", 11)
        if isinstance(rows, Unknown):
            return rows
        found: dict[str, FoundPath] = {}
        for fields in rows:
            link, kind, mode, owner, group, ids, sha, target, body, mark, name = fields
            if kind not in {"absent", "file", "directory", "other"}:
                return answer.unknown("files of host tasks")
            path = decoded(name)
            there = kind != "absent"
            found[path] = FoundPath(
                path,
                kind,
                mode.zfill(4) if there else "",
                owner if there else "",
                group if there else "",
                ids if there else "",
                sha if kind == "file" else "",
                decoded(target) if link == "link" else None,
                _content(body),
                mark if FINGERPRINT.fullmatch(mark) else "",
                " ".join(fields[:8]),
            )
        return found


def _content(body: str) -> str | None:
    """None as well when it is no text. One ``=`` more than base64 has tells an empty file from no answer."""
    if body == "-":
        return None
    text = decoded(body.removesuffix("=") or "-")
    return text if text.isascii() or not any("\udc80" <= one <= "\udcff" for one in text) else None
