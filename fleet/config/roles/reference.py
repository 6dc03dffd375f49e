"""The reference pages: ``python -m fleet.config.roles.reference`` writes them below ``docs/``."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator

from fleet.config.roles.compose import ComposeFile
from fleet.config.roles.keys import REFUSED, REMARKS
from fleet.config.roles.validate import LEVELS
from fleet.config.tasks import reference as tasks

BEGIN, END = "<!-- keys: begin -->", "<!-- keys: end -->"


def table() -> str:
    """Every key of every level: carried out, or refused and why."""
    levels = [level for level in LEVELS() if "x-fleet" not in level]
    return "\n".join(line for level in levels for line in _section(level)) + "\n"


def _section(level: str) -> Iterator[str]:
    remarks, refused = REMARKS.get(level, {}), REFUSED.get(level, {})
    yield f"### `{level}`\n" if level else "### Top level\n"
    yield "| key | | |"
    yield "|---|---|---|"
    for key in sorted({*LEVELS()[level], *refused}):
        if key in refused:
            yield f"| `{key}` | refused | {refused[key]} |"
        else:
            yield f"| `{key}` | carried out | {remarks.get(key, '')} |"
    yield ""


def page(text: str) -> str:
    """``text`` of docs/compose.md with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n{END}{rest.partition(END)[2]}"


def schema() -> str:
    """The JSON Schema of a role's compose.yml, for editors."""
    return json.dumps(ComposeFile.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def main(docs: pathlib.Path) -> None:
    compose = docs / "compose.md"
    compose.write_text(page(compose.read_text(encoding="utf-8")), encoding="utf-8")
    target = docs / "schema" / "compose.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(schema(), encoding="utf-8")
    host_tasks = docs / "host-tasks.md"
    host_tasks.write_text(tasks.page(host_tasks.read_text(encoding="utf-8")), encoding="utf-8")
    (docs / "schema" / "tasks.json").write_text(tasks.schema(), encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path("docs"))
