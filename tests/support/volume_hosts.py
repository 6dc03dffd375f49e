"""Hosts whose ``docker`` is a small program of ours: containers, volumes and a helper's answers are files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet.facts.snapshots import read_record
from fleet.facts.volumes import mark_text, read_mark
from fleet.model.snapshots import Snapshot
from fleet.model.volumes import Mark
from fleet.secret import Text
from fleet.transport.base import Result
from fleet.transport.fake import FakeTransport

STATE = "/var/lib/fleet"

# A container is a directory, called like its id: name, running, policy, and what it mounts.
DOCKER = r"""
here=${HERE:-$HOME}
cd "$here/engine" || exit
printf '%s\n' "$*" >>../docker.log
[ ! -e refuse ] || { cat refuse >&2; exit 1; }
[ ! -e "refuse.$1" ] || { cat "refuse.$1" >&2; exit 1; }
shown() { # id, format
  case $2 in
    'user '*) echo "user $1 $(cat "$1/name")" ;;
    *.Names*) echo "$1 $(cat "$1/name")" ;;
    *.RW*) echo "$(cat "$1/mounts") $([ -e "$1/reader" ] && echo false || echo true)" ;;
    *State.Running*) cat "$1/running" ;;
    *RestartPolicy*) cat "$1/policy" ;;
    *.Name*) echo "/$(cat "$1/name")" ;;
    *) echo "$1" ;;
  esac
}
id_of() {
  for one in */; do
    one=${one%/}
    [ "$one" = "$1" ] || [ "$(cat "$one/name" 2>/dev/null)" = "$1" ] || continue
    echo "$one"
    return
  done
}
command=$1; shift
case $command in
  version) echo 'engine 26.1.0' ;;
  image) [ -e ../image ] ;;
  volume)
    for name in "$@"; do :; done
    case $1 in
      create) echo local >"../volumes/$name"; printf '%s\n' "$@" >"../labels/$name" ;;
      rm) rm "../volumes/$name" ;;
      ls) for one in ../volumes/*; do
          one=${one##*/}
          case "$*" in *label=fleet.snapshot*) [ -e "../labels/$one" ] || continue ;; esac
          echo "$one"
        done ;;
      *)
        [ -e "../volumes/$name" ] || exit 1
        echo "driver $(cat "../volumes/$name")"
        echo "labels $(cat "../born/$name" 2>/dev/null || echo null)" ;;
    esac ;;
  pause)
    for one in "$@"; do
      [ ! -e "$one/stubborn" ] || { echo "cannot pause $one" >&2; exit 1; }
      touch "$one/paused"
    done ;;
  unpause) rm "$1/paused" ;;
  ps)
    all= format={{.ID}} filter=
    while [ $# -gt 0 ]; do
      case $1 in
        -a*) all=1 ;;
        --filter) shift; filter=$1 ;;
        --format) shift; format=$1 ;;
      esac
      shift
    done
    for one in */; do
      one=${one%/}
      [ -e "$one/name" ] || continue
      [ "$all" ] || [ "$(cat "$one/running")" = true ] || continue
      case $filter in
        volume=*) [ "$(cat "$one/mounts")" = "${filter#*=}" ] || continue ;;
        status=paused) [ -e "$one/paused" ] || continue ;;
        label=*) [ "$(cat "$one/helper" 2>/dev/null)" = "${filter##*=}" ] || continue ;;
      esac
      shown "$one" "$format"
    done ;;
  inspect)
    format= name=
    while [ $# -gt 0 ]; do
      case $1 in -f) shift; format=$1 ;; --type) shift ;; *) name=$1 ;; esac
      shift
    done
    id=$(id_of "$name"); [ "$id" ] || { echo "Error: No such object: $name" >&2; exit 1; }
    shown "$id" "$format" ;;
  update) id=$(id_of "$3"); case $2 in on-failure*) echo "$2" ;; *) echo "$2:0" ;; esac >"$id/policy" ;;
  stop)
    [ ! -e "$3/silencing" ] || echo 'Cannot connect to the Docker daemon' >refuse.ps
    [ ! -e "$3/hanging" ] || exec sleep 60
    [ ! -e "$3/stubborn" ] && echo false >"$3/running" ;;
  start) [ ! -e "$1/broken" ] || { echo 'port is already allocated' >&2; exit 1; }; echo true >"$1/running" ;;
  run)
    [ -e ../image ] || { echo 'Unable to find image: No such image' >&2; exit 125; }
    while [ $# -gt 0 ]; do
      case $1 in
        --name) one=helper-$2; mkdir "$one"; echo true >"$one/running"; echo no:0 >"$one/policy"
          echo "$2" >"$one/name" ;;
        type=*)
          mount=${1#*src=}
          echo "${mount%%,*}" >"$one/mounts"
          case $1 in *dst=/copy*) at=copy ;; *) at=data ;; esac
          echo "${mount%%,*}" >"$one/$at" ;;
        fleet.copy=*) echo "${1#*=}" >"$one/helper" ;;
      esac
      shift
    done
    echo "$one" ;;
  rm) shift; rm -rf "$@" ;;
  exec)
    [ "$1" != -i ] || shift
    one=$1; shift
    helper=helper-$one
    [ -e "$helper" ] || [ -e "$one" ] ||
      { echo "Error response from daemon: No such container: $one" >&2; exit 1; }
    case $1 in
      volume) shift ;;
      sh) exec cat >../dumped ;;
      sha256sum) exec sha256sum ../dumped ;;
      cat) exec cat ../dumped ;;
      stat) case $2 in -f) cat ../answers/stat ;; *) wc -c <../dumped ;; esac; exit ;;
      *) program=../programs/$1; shift; . "$program"; exit ;;
    esac
    count=$(($(cat "../asked/$1" 2>/dev/null || echo 0) + 1)); echo $count >"../asked/$1"
    [ ! -e "../asked/$1.slow.$count" ] || sleep "$(cat "../asked/$1.slow.$count")"
    if [ "$1" = clone ] && [ -e "../content/$(cat "$helper/data")" ]; then
      cp "../content/$(cat "$helper/data")" "../content/$(cat "$helper/copy")"
    fi
    answer=../answers/$1; [ ! -e "$answer.$count" ] || answer=$answer.$count
    cat "$answer"; ! grep -q '"error"' "$answer" ;;
esac
"""

SYNC = r"""
[ ! -e "${HERE:-$HOME}/full" ] || { echo "sync: error syncing '$1': No space left on device" >&2; exit 1; }
"""

KINDS = (
    ("look", r"docker image inspect"),
    ("last", r'setsid sh -c "box='),
    ("over", r"tries=\$most; until let_go"),
    ("strangers", r"strangers\n\Z"),
    ("begin", r'docker volume create "\$@"'),
    ("record", r'"\$text" >"\$snapshots'),
    ("drop", r'rm -f "\$snapshots/\$name"'),
    ("dump", r"the dump command ended"),
    ("load", r"the dump is not what was recorded"),
    ("room", r"\Aexec docker exec \S+ stat -f"),
    ("take over", r"is just going on"),
    ("stop", r"docker stop -t"),
    ("release", r'mv "\$moving" "\$moving.kept" 2>'),
    ("back", r'for one in "\$moving" "\$moving.kept"'),
    ("alive", r"touch -c"),
    ("forget", r"\Arm -f [^\n]*\.back\n\Z"),
    ("start", r"docker run"),
    ("running", r"\.State\.Running"),
    ("remove", r"docker rm -f"),
    ("mark", r"put_mark '[^\n]*\nmark\n\Z"),
)


def kind(script: str) -> str:
    """What a script is for, in a word."""
    if asked := re.search(r"^exec docker exec \S+ volume (\w+)( --final)?", script):
        return f"{asked[1]}{asked[2] or ''}"
    return next((name for name, pattern in KINDS if re.search(pattern, script)), script)


@dataclass
class VolumeHost:
    """``before(kind)`` is called before each script and may raise, ``after`` afterwards."""

    name: str
    root: Path
    before: Callable[[str], None] = lambda kind: None
    after: Callable[[str], None] = lambda kind: None
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for directory in ("engine", "volumes", "labels", "born", "programs", "content", "answers", "asked"):
            (self.root / directory).mkdir(parents=True)
        self.transport = Wire(self)
        self.image(True)
        self.answers("usage", bytes=1000, apparent=1000, entries=3, free=10**9, free_inodes=10**6)
        self.answers("key", public="ssh-ed25519 AAAA client")
        self.answers("serve", port=2222, host_key="ssh-ed25519 BBBB host")
        self.answers("reach")
        self.answers("seed", bytes=1000, seconds=1.0)
        self.answers("sync", sent=50, changed=1, seconds=0.1)
        self.answers("manifest", digest="d", entries=3, bytes=1000, hashed=1, seconds=0.2)
        self.answers("clone", how="tar", bytes=1000, seconds=0.1, complete=True)
        self.answers("same", equal=True, entries=3, bytes=1000, digest="d", differing=0, differences=[])
        self.says("stat", "1000000 1000 1000000 1000000\n")
        self.answers("compare", equal=True, entries=3, bytes=1000, differences=[])

    @property
    def state(self) -> Path:
        """In place of ``fleet_state_dir``."""
        return self.root / "state"

    def image(self, there: bool) -> None:
        (self.root / "image").touch() if there else (self.root / "image").unlink()

    def volume(self, name: str, driver: str = "local", **labels: str) -> None:
        (self.root / "volumes" / name).write_text(driver)
        (self.root / "born" / name).write_text(json.dumps(labels))

    def container(
        self, one: str, name: str, mounts: str, policy: str = "always:0", running: bool = True
    ) -> None:
        directory = self.root / "engine" / one
        directory.mkdir()
        for key, value in {"name": name, "mounts": mounts, "policy": policy}.items():
            (directory / key).write_text(f"{value}\n")
        (directory / "running").write_text("true\n" if running else "false\n")

    def flaw(self, one: str, word: str) -> None:
        """``stubborn``: it does not stop; ``broken``: it does not start; ``silencing``: while it stops, the
        engine ceases to tell what runs; ``hanging``: the engine never says that it has stopped."""
        (self.root / "engine" / one / word).touch()

    def content(self, volume: str, text: str | None = None) -> str:
        """What is in a volume, once it is said what."""
        path = self.root / "content" / volume
        if text is not None:
            path.write_text(text)
        return path.read_text()

    def program(self, name: str, text: str) -> None:
        """What is in every container, as lines of ``sh`` that run in the engine's directory."""
        (self.root / "programs" / name).write_text(text)

    def snapshots(self) -> dict[str, Snapshot]:
        """Those that count, by id."""
        directory = self.state / "snapshots"
        paths = directory.glob("[!.]*") if directory.exists() else ()
        return {one.id: one for one in (read_record(path.read_text()) for path in sorted(paths))}

    def volumes(self) -> list[str]:
        return sorted(one.name for one in (self.root / "volumes").iterdir())

    def paused(self) -> list[str]:
        engine = self.root / "engine"
        return sorted(path.parent.name for path in engine.glob("*/paused"))

    def silent(self, command: str = "", *, over: bool = False) -> None:
        """The engine does not answer ``command``, or nothing."""
        path = self.root / "engine" / (f"refuse.{command}" if command else "refuse")
        path.unlink() if over else path.write_text("Cannot connect to the Docker daemon\n")

    def containers(self) -> dict[str, tuple[bool, str]]:
        """Name → whether it runs, and its restart policy."""
        return {
            (one / "name").read_text().strip(): (
                (one / "running").read_text() == "true\n",
                (one / "policy").read_text().strip(),
            )
            for one in sorted((self.root / "engine").iterdir())
            if one.is_dir()
        }

    def answers(self, command: str, number: int = 0, /, *, progress: Any = None, **result: Any) -> None:
        """The helper's answer to ``command``, or to its ``number``-th."""
        lines = [{"progress": progress}] if progress else []
        self._answer(command, number, [*lines, {"result": result}])

    def fails(self, command: str, number: int = 0, /, what: str = "no", why: str = "") -> None:
        self._answer(command, number, [{"error": {"what": what, "why": why}}])

    def slow(self, command: str, number: int, seconds: float) -> None:
        """The helper takes its time for its ``number``-th answer to ``command``."""
        (self.root / "asked" / f"{command}.slow.{number}").write_text(str(seconds))

    def says(self, command: str, text: str) -> None:
        (self.root / "answers" / command).write_text(text)

    def _answer(self, command: str, number: int, lines: list[Any]) -> None:
        path = self.root / "answers" / (f"{command}.{number}" if number else command)
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    def set_mark(self, volume: str, mark: Mark) -> None:
        (self.state / "volumes").mkdir(parents=True, exist_ok=True)
        (self.state / "volumes" / volume).write_text(mark_text(mark))

    def disk(self, *, full: bool) -> None:
        (self.root / "full").touch() if full else (self.root / "full").unlink()

    def mark(self, volume: str) -> Mark | None:
        path = self.state / "volumes" / volume
        return read_mark(path.read_text()) if path.exists() else None

    def moving(self) -> list[str]:
        """What is written down of a move."""
        directory = self.state / "moving"
        return sorted(one.name for one in directory.iterdir()) if directory.exists() else []

    @property
    def docker_calls(self) -> list[str]:
        path = self.root / "docker.log"
        return path.read_text().splitlines() if path.exists() else []


class Wire(FakeTransport):
    """A connection to such a host."""

    def __init__(self, host: VolumeHost) -> None:
        super().__init__(host.name, host.root)
        self._host = host

    def run(self, script: Text, **words: Any) -> Result:
        what = kind(str(script))
        self._host.done.append(what)
        self._host.before(what)
        text = str(script).replace(STATE, str(self._host.state))
        result = super().run(text, **words)
        self._host.after(what)
        return result


def install(directory: Path) -> Path:
    """The programs, in a directory for the PATH."""
    directory.mkdir()
    for name, text in {"docker": DOCKER, "sync": SYNC}.items():
        path = directory / name
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)
    return directory
