"""How a volume is on its host, right before it is touched."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fleet.facts.volumes import made_with, read_mark, remade
from fleet.model.volumes import Mark
from fleet.ops import marks
from fleet.ops.effects import Shell
from fleet.ops.volume_helper import Helper
from fleet.ops.volume_users import mounting
from fleet.shell import words

SCRIPT = """\
docker version --format 'engine {{.Server.Version}}' || exit
docker image inspect "$image" >/dev/null 2>&1 && echo image
case $volume in
  /*)
    real=$(readlink -f "$volume" || :)
    [ "$real" = "$volume" ] || echo "real $real"
    [ ! -d "$volume" ] || echo 'driver local' ;;
  *)
    told='{{println "driver" .Driver}}labels {{json .Labels}}'
    docker volume inspect -f "$told" "$volume" 2>/dev/null || : ;;
esac
found=$(mark)
echo "mark $found"
using=$(mounting)
[ -z "$using" ] || printf '%s\n' "$using" | sed 's/^/user /'
"""


@dataclass(frozen=True, slots=True)
class Look:
    """``driver``: empty when there is no such volume. ``real``: of a directory whose path leads over a
    symbolic link, where it really is. ``users``: id → name of the containers that run on it,
    the helper left out. ``image``: the helper's is there."""

    driver: str = ""
    image: bool = False
    mark: Mark | None = None
    users: tuple[tuple[str, str], ...] = ()
    made: str = ""
    real: str = ""

    @property
    def own(self) -> Mark | None:
        """What is said of the volume that is there: a mark outlives ``docker volume rm``."""
        return self.mark if self.mark and self.driver and not remade(self.mark, self.made) else None


def look(helper: Helper) -> Shell:
    head = f"{marks.head(helper.place.state_dir, helper.volume)}{mounting(helper.volume)}"
    return Shell(f"{head}image={words([helper.image])}\n{SCRIPT}")


def read(text: str, helper: Helper) -> Look:
    """Raises ValueError."""
    driver, image, mark, made, real, users = "", False, "", "", "", list[tuple[str, str]]()
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        match kind:
            case "driver":
                driver = rest
            case "labels":
                made = made_with(json.loads(rest) or {})
            case "image":
                image = True
            case "real":
                real = rest
            case "mark":
                mark = rest
            case "user":
                one, _, name = rest.partition(" ")
                if name != helper.name:
                    users.append((one, name))
    return Look(driver, image, read_mark(mark) if mark else None, tuple(users), made, real)
