"""The host's own key, under which fingerprints of secrets are made.

Made on the first probe: without it a fingerprint in a container's label could be tried offline
against a word list by anybody who may read labels.
"""

from __future__ import annotations

import base64
import binascii

from fleet.facts.probe import Answer, Question
from fleet.model.found import Unknown
from fleet.shell import words

SCRIPT = """\
umask 077
mkdir -p "$dir" || exit
if [ ! -s "$dir/key" ]; then
  # An empty one, of a disk that was full; looked at again, lest it is one that somebody has just made.
  find "$dir/key" -size 0 -delete 2>/dev/null
  head -c 32 /dev/urandom | base64 >"$dir/key.$$" && ln "$dir/key.$$" "$dir/key" 2>/dev/null
  rm -f "$dir/key.$$"
fi
cat "$dir/key"
"""


class KeyProbe:
    name = "key"

    def script(self, question: Question) -> str:
        return f"dir={words([question.state_dir])}\n{SCRIPT}"

    def parse(self, answer: Answer) -> bytes | Unknown:
        try:
            key = base64.b64decode(answer.out.strip(), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        return key if answer.rc == 0 and len(key) == 32 else answer.unknown("the state directory")
