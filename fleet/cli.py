"""The ``fleet`` command: the same tasks as ``inv``, in any project directory."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from invoke.exceptions import ParseError
from invoke.program import Program
from invoke.vendor.yaml import YAMLError

from fleet.app.root import nearest
from fleet.errors import Exit
from fleet.tasks import ns
from fleet.tasks.common import configured_env
from fleet.tasks.complete import values


class FleetProgram(Program):
    """A typo on the command line ends with exit code 64, as every other wrong use does."""

    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:
        try:
            super().run(argv, exit=exit)
        except ParseError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(Exit.USAGE)

    def parse_collection(self) -> None:
        """The project's ``invoke.yaml`` counts here, too; invoke itself reads it for ``inv`` only."""
        super().parse_collection()
        if root := nearest(Path.cwd()):
            self.config.set_project_location(str(root))
            try:
                self.config.load_project()
            except (YAMLError, UnicodeDecodeError, OSError) as error:
                _unreadable(str(error))
            except AttributeError:
                _unreadable("it is a mapping, such as fleet: {env: production}")

    def parse_cleanup(self) -> None:
        if self.args.complete.value:
            found = values(self.core.remainder, configured_env(self.config), Path.cwd())
            if found is not None:
                print("\n".join(found))
                sys.exit(Exit.OK)
        try:
            super().parse_cleanup()
        except ValueError:
            # A quotation that is not closed yet: there is nothing to complete in it.
            if not self.args.complete.value:
                raise

    def parse_tasks(self) -> None:
        try:
            super().parse_tasks()
        except ParseError as error:
            print(f"error: {error}\n  → {self.binary} --list names the tasks", file=sys.stderr)
            sys.exit(Exit.USAGE)


def _unreadable(why: str) -> NoReturn:
    print(f"error: the project's invoke.yaml cannot be read: {why}", file=sys.stderr)
    sys.exit(Exit.CONFIG)


program = FleetProgram(namespace=ns, version=version("fleet-deploy"), name="fleet", binary="fleet")
