#!/usr/bin/env python3
"""A run's journal as a picture: ``python scripts/record.py .fleet/runs/<id> docs/images/run.svg``.

The journal holds the events that the terminal showed, so the picture is that of a run that took place.
"""

from __future__ import annotations

import json
import os
import re
import sys
import typing
from pathlib import Path

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text

from fleet.report import events
from fleet.report.text import TextReport

WIDTH = 100
KINDS = {kind.__name__: kind for kind in typing.get_args(events.Event)}


def replay(run: Path, console: Console) -> None:
    report = TextReport(console, console)
    lines = (run / "events.jsonl").read_text(encoding="utf-8").splitlines()
    for record in map(json.loads, lines):
        del record["at"]
        kind = KINDS[record.pop("event")]
        event = kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in record.items()})
        if isinstance(event, events.RunStarted):
            command = f"inv {event.command} --env {event.env} --version {event.version} --yes"
            console.print(Text.assemble(("$ ", "green"), command))
            console.print(Text((run / "plan.txt").read_text(encoding="utf-8").splitlines()[-1]))
        report(event)


def main(run: Path, picture: Path) -> None:
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(file=nowhere, record=True, width=WIDTH, force_terminal=True, highlight=False)
        replay(run, console)
    picture.parent.mkdir(parents=True, exist_ok=True)
    # The reader's own fixed-width font: a picture in the docs loads nothing from elsewhere.
    template = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    console.save_svg(str(picture), title="fleet", code_format=template, unique_id="run")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
