"""Is there a Docker Engine, may we use it, and how much room is left?"""

from __future__ import annotations

from fleet.facts.probe import Answer, Question
from fleet.model.found import Engine, Unknown

# Without an engine, what the client says of its information makes no sense; of its version, it does.
SCRIPT = """\
command -v docker >/dev/null || { echo 'docker is not installed'; exit 127; }
info=$(docker info --format 'version {{.ServerVersion}}
root {{.DockerRootDir}}' 2>/dev/null)
case $info in
  'version '?*'
root '?*) printf '%s\\n' "$info" ;;
  *) docker version --format 'version {{.Server.Version}}'; exit 1 ;;
esac
root=${info#*root }
free=$(df -Pk "$root" 2>/dev/null | tail -n 1) && echo "free $free"
"""


class EngineProbe:
    name = "engine"

    def script(self, question: Question) -> str:
        return SCRIPT

    def parse(self, answer: Answer) -> Engine | Unknown:
        # By its first word: the client may warn on its other stream.
        found = {kind: rest for kind, _, rest in (line.partition(" ") for line in answer.out.splitlines())}
        version, root = found.get("version", ""), found.get("root", "")
        if answer.rc == 127:
            return Unknown("docker is not installed")
        if answer.rc or not version or not root:
            return Unknown(reason(answer.out))
        columns = found.get("free", "").split()
        free = int(columns[3]) * 1024 if len(columns) > 3 and columns[3].isdigit() else -1
        return Engine(version, root, free)


def reason(out: str) -> str:
    """The engine's own words, shortened to what the operator needs."""
    text = " ".join(out.split())
    if "permission denied" in text.lower():
        return "no right to use Docker: permission denied on its socket"
    if "cannot connect to the docker daemon" in text.lower():
        return "the Docker Engine does not run"
    return text or "docker version printed nothing"
