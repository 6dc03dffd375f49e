"""A small project, written where there is none: it deploys onto the rehearsal as it is."""

from __future__ import annotations

from pathlib import Path

from fleet.errors import FleetError, UsageError

SAMPLE = Path(__file__).parent / "sample"
NAMES = {"tasks": "tasks.py", "gitignore": ".gitignore"}
"""Files that must not be taken for Fleet's own while they lie here."""


def init(directory: Path) -> tuple[str, ...]:
    """Write it into ``directory``, and answer what was written. Raises UsageError, and then nothing was: not
    one file is written over."""
    files = {path.relative_to(SAMPLE): path for path in sorted(SAMPLE.rglob("*")) if path.is_file()}
    wanted = {directory / str(NAMES.get(str(name), name)): source for name, source in files.items()}
    tops = dict.fromkeys(path.relative_to(directory).parts[0] for path in wanted)
    there = [top for top in tops if (directory / top).exists() or (directory / top).is_symlink()]
    if there:
        raise UsageError(
            f"there is something here already: {', '.join(there)}",
            why="nothing was written, and nothing is ever written over",
            hint="make an empty directory and call it there",
        )
    try:
        for path, source in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(source.read_bytes())
    except OSError as error:
        raise FleetError("the project cannot be written", why=str(error)) from error
    return tuple(str(path.relative_to(directory)) for path in wanted)
