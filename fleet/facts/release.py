"""Which release a host was last part of, by the copy of the record that it keeps."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from fleet.facts.probe import Answer, Question
from fleet.model.found import HostRelease
from fleet.model.place import Place
from fleet.shell import words

# A copy that is being replaced is in copy.old for a moment.
SCRIPT = """\
cd "$base/copy" 2>/dev/null || cd "$base/copy.old" 2>/dev/null || exit 0
for head in [0-9]*.head; do
  name=${head%.head}
  printf 'release %s\\n' "$name"
  cat "$head"
  for entry in "$name".e[0-9]*; do echo entry; cat "$entry"; done
done
"""


class ReleaseProbe:
    """A copy that cannot be read is a fact as well, and no reason not to deploy: the next release replaces
    it. So it is told in ``damaged``, and is never Unknown."""

    name = "release"

    def script(self, question: Question) -> str:
        place = Place(question.state_dir, question.project, question.env)
        return f"base={words([place.base])}\n{SCRIPT}"

    def parse(self, answer: Answer) -> HostRelease | None:
        title, _, body = answer.out.lstrip("\n").partition("\n")
        word, _, number = title.partition(" ")
        if word != "release" or not number.isdigit():
            return HostRelease(0, damaged="it has no head") if answer.out.strip() else None
        head, *entries = body.split("\nentry\n")
        try:
            found = _content(head)["head"]
            outcomes = [outcome for outcome in map(_outcome, entries) if outcome]
            return HostRelease(int(number), found["version"], found.get("ledger", ""), outcomes[-1])
        except (ValueError, KeyError, TypeError, IndexError):
            return HostRelease(int(number), damaged="its checksum or content is wrong")


def _outcome(text: str) -> str:
    outcome: str = _content(text)["entry"].get("outcome", "")
    return outcome


def _content(text: str) -> dict[str, Any]:
    """Of a file of the ledger: a line of JSON, and its sum. Raises ValueError."""
    line, _, rest = text.partition("\n")
    if rest.strip() != hashlib.sha256(line.encode()).hexdigest():
        raise ValueError("another sum")
    content: dict[str, Any] = json.loads(line)
    return content
