"""Where a command is given."""

from __future__ import annotations

import sys
from pathlib import Path

from fleet.errors import Exit


def here() -> Path:
    """Ends the program where there is nothing any more, such as a checkout that was made anew."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        print("error: this directory is not there any more\n  → cd into the project again", file=sys.stderr)
        sys.exit(Exit.USAGE)
