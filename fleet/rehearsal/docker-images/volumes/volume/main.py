"""argv → one of the commands; its last line of JSON → exit status."""

from __future__ import annotations

import argparse
import gc
import os
import signal
from collections.abc import Sequence
from typing import NoReturn

from .ahead import ahead
from .children import settle
from .clone import clone
from .compare import compare
from .hold import hold
from .keys import pair
from .link import link
from .manifest import make_manifest
from .own import own, owner_of
from .places import Places
from .reach import reach
from .receive import receive, settled_manifest
from .same import same
from .seed import seed
from .serve import serve
from .sync import sync
from .usage import usage
from .words import Failure, Stopped, say


class _Parser(argparse.ArgumentParser):
    """A mistake in the arguments is an error as every other."""

    def error(self, message: str) -> NoReturn:
        raise Failure("volume was called wrongly", message)


def main(arguments: Sequence[str], places: Places = Places()) -> int:  # noqa: B008 - frozen
    # A volume is made of a great many small objects, and none of them in a circle.
    gc.disable()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        return _do(_parse(arguments), places)
    except Failure as failure:
        say("error", {"what": failure.what, "why": failure.why})
    except Stopped:
        say("error", {"what": "stopped", "why": "it was told to end"})
    except Exception as error:  # noqa: BLE001 - the caller reads JSON and nothing else
        say("error", {"what": "the helper failed", "why": f"{type(error).__name__}: {error}"})
    return 1


def _stop(_number: int, _frame: object) -> NoReturn:
    # Once: what ends the children on the way out is not interrupted.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise Stopped


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="volume", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    commands.add_parser("hold").add_argument("--seconds", type=float, required=True)
    for name in ("key", "usage", "receive", "unpack"):
        commands.add_parser(name)
    commands.add_parser("same").add_argument("--owner", default="")
    commands.add_parser("own").add_argument("--owner", required=True)
    commands.add_parser("manifest").add_argument("--copy", action="store_true")
    commands.add_parser("pack").add_argument("--about", default="{}")
    stored = commands.add_parser("restic").add_subparsers(dest="what", required=True, parser_class=_Parser)
    stored.add_parser("init")
    stored.add_parser("list")
    stored.add_parser("backup").add_argument("--about", default="{}")
    back = stored.add_parser("restore").add_mutually_exclusive_group(required=True)
    back.add_argument("--id", default="")
    back.add_argument("--newest-of", metavar="VOLUME", default="")
    commands.add_parser("ahead").add_argument("--settled", type=int, default=0)
    commands.add_parser("serve").add_argument("--client", required=True)
    for name in ("reach", "seed", "sync", "compare", "clone"):
        command = commands.add_parser(name)
        if name != "clone":
            command.add_argument("--to", required=True)
            command.add_argument("--host-key", required=True)
        if name == "reach":
            command.add_argument("--seconds", type=float, default=5)
        if name in ("seed", "sync", "clone"):
            command.add_argument("--rate", type=int, default=0)
        if name in ("sync", "clone"):
            command.add_argument("--final", action="store_true")
    return parser.parse_args(arguments)


def _do(options: argparse.Namespace, places: Places) -> int:
    places.prepare()
    if options.command == "hold":
        hold(options.seconds)
        return 0
    if options.command == "ahead":
        ahead(places, options.settled)
        return 0
    if options.command == "receive":
        return receive(places, os.environ.get("SSH_ORIGINAL_COMMAND", ""))
    say("result", _result(options, places))
    return 0


def _result(options: argparse.Namespace, places: Places) -> dict[str, object]:
    if options.command in ("pack", "unpack", "restic"):
        from .archived import archived  # noqa: PLC0415 - what the moves do not need, they do not wait for

        return archived(options, places)
    if options.command in ("clone", "same", "own") or getattr(options, "copy", False):
        return _beside(options, places)
    match options.command:
        case "key":
            return {"public": pair(places.state / "key")}
        case "serve":
            return serve(places, options.client)
        case "usage":
            return usage(places)
        case "manifest":
            settle(places.data)
            return make_manifest(places)
        case "reach":
            return reach(link(places, options.to, options.host_key, options.seconds))
    there = link(places, options.to, options.host_key)
    match options.command:
        case "seed":
            return seed(places, there, options.rate)
        case "sync":
            return sync(places, there, options.rate, options.final)
    return compare(places, there)


def _beside(options: argparse.Namespace, places: Places) -> dict[str, object]:
    if not places.copy.is_dir():
        raise Failure("there is no second volume", f"nothing is mounted at {places.copy}")
    places.beside.prepare()
    match options.command:
        case "clone":
            return clone(places, options.rate, options.final)
        case "same":
            return same(places, owner_of(options.owner) if options.owner else None)
        case "own":
            return own(places, owner_of(options.owner))
    return settled_manifest(places.beside, "the copy")
