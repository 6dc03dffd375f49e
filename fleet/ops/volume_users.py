"""Which containers have a volume, or a directory of the host, as a shell function."""

from __future__ import annotations

from fleet.model.volumes import is_directory

VOLUME = """\
mounting() { # options of docker ps; prints id and name
  docker ps "$@" --no-trunc --filter "volume=$volume" --format '{{.ID}} {{.Names}}'
}
"""

# Docker tells of a directory only who mounts it under that very name: it may have others, and somebody may
# mount what is above or below it. Of those only the ones that write count: a monitor reads the whole host.
DIRECTORY = """\
mounting() { # options of docker ps; prints id and name
  all=$(docker ps "$@" -q --no-trunc) || return
  [ -n "$all" ] || return 0
  format='{{range .Mounts}}{{if eq .Type "bind"}}{{$.Id}} {{$.Name}} {{.RW}} {{println .Source}}'
  format="$format{{end}}{{end}}"
  binds=$(docker inspect -f "$format" $all) || return
  printf '%s\\n' "$binds" | while read -r one name writes source; do
    source=$(readlink -f "$source") || continue
    if [ "$source" != "$volume" ]; then
      [ "$writes" = true ] || continue
      above=${source%/}/ below=$volume/
      case $volume in
        "$above"*) ;;
        *) case $source in "$below"*) ;; *) continue ;; esac ;;
      esac
    fi
    echo "$one ${name#/}"
  done | sort -u
}
"""


def mounting(volume: str) -> str:
    """For a script in which ``$volume`` is its name."""
    return DIRECTORY if is_directory(volume) else VOLUME
