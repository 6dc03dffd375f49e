"""Carry out RestoreVolume: what is there is kept as a snapshot, then the volume becomes what one holds.

The mark tells how far it came, and what the next run does:

======================  =======================================================================
live                    not begun, or nothing was overwritten yet: what ran goes on by itself
incoming, and of which  between the stop and the end of the comparison. Nothing starts on it;
snapshot                 ``inv volumes restore`` goes on, with this snapshot or another one
live, one generation    restored. What stopped is started by the next deploy, should it not run
higher
======================  =======================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet.errors import Drift, FleetError
from fleet.model.snapshots import Kind, Restoring
from fleet.model.volumes import State
from fleet.ops.dumps import load
from fleet.plan.keeping import RestoreVolume
from fleet.plan.tree import Step
from fleet.report import events as ev
from fleet.run.perform import perform
from fleet.run.volumes.attended import COPY_SECONDS
from fleet.run.volumes.beside import counted
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.preflight import seen, told
from fleet.run.volumes.standing import Stand, Unknown, add
from fleet.run.volumes.taking import begin, take


def restore(node: RestoreVolume, ground: Ground) -> None:
    """``ground``: the host of the volume, with a helper for its sake, not started yet. Raises Drift,
    RemoteFailed, Interrupted, Fenced, ConnectionLost. Whatever is raised, the error says how it stands."""
    one = _Restorer(node, node.restoring, ground)
    try:
        one.run()
    finally:
        ground.remove()


@dataclass(frozen=True, slots=True)
class _Restorer:
    node: RestoreVolume
    what: Restoring
    ground: Ground

    def run(self) -> None:
        if self.what.snapshot.kind is Kind.DUMP:
            self._load()
            return
        self.stand.is_whole()
        if self.node.make:
            self._make()
        elif self.what.keeping is None and self.what.mark and self.what.mark.state is State.LIVE:
            self._let_go()
        elif self.what.keeping is None:
            self.ground.script(self.stand.halt.take_over(), self.stand.doing("take it over"))
        if self.what.keeping is None:
            self._on()
        else:
            self._replace()

    @property
    def stand(self) -> Stand:
        return Stand(self.what, self.ground)

    def _let_go(self) -> None:
        """What is there is whole, and nobody wants it."""
        try:
            self.stand.stop()
            self.stand.release()
        except Exception as error:
            self.stand.back(error)
            raise

    def _make(self) -> None:
        assert self.node.make  # noqa: S101 - asked before
        perform(
            Step(self.ground.host, self.node.make), self.ground.transport, self.ground.emit,
            self.ground.cancel, show=self.ground.show,
        )  # fmt: skip

    def _on(self) -> None:
        """Nothing whole is there: the volume was just made, or a run before was cut off. So it stays when
        this one fails."""
        try:
            found = self.stand.brought(self.what.snapshot, self.ground)
            self.stand.live(self.what.live)
        except Unknown:
            raise
        except Exception as error:
            listed = f"inv volumes list {self.what.volume} tells of others"
            add(error, f"volume {self.what.volume} is half restored: nothing uses it. Run again; {listed}")
            raise
        self._start(found, "")

    def _replace(self) -> None:
        """What is there is whole, and stays so in a snapshot of its own."""
        keeping = self.what.keeping
        assert keeping  # noqa: S101 - asked before
        self.ground.remove()
        begun = begin(keeping, self.ground)
        kept = self.stand.keep(begun)
        try:
            found = self.stand.brought(self.what.snapshot, self.ground)
            self.stand.live(self.what.live)
        except Unknown:
            raise
        except Exception as error:
            self.stand.back(error, kept)
            raise
        self._start(found, f"; what was there is snapshot {kept.id}")

    def _start(self, found: Mapping[str, Any], kept: str) -> None:
        what = self.what
        text = f"volume {what.volume} is what snapshot {what.snapshot.id} holds: {counted(found)}"
        self.ground.emit(ev.Note(f"{text}, byte for byte the same{kept}"))
        try:
            self.stand.start()
        except FleetError as error:
            add(error, f"volume {what.volume} is restored, and what runs on it is not: inv deploy starts it")
            raise

    def _load(self) -> None:
        """The service reads it itself, so nothing stops."""
        what, snapshot = self.what, self.what.snapshot
        assert what.load and what.keeping and what.mark  # noqa: S101, PT018 - as planned
        kept = take(what.keeping, self.ground)
        ground = self.stand.reading(snapshot)
        ground.start()
        try:
            script = load(ground.helper, what.load, snapshot.digest)
            ground.script(script, self.stand.doing("load the dump"), seconds=COPY_SECONDS)
        except FleetError as error:
            text = f"inv volumes restore {what.volume} --snapshot {kept.id}"
            add(error, f"what was loaded before that is in volume {what.volume}; what was there: {text}")
            raise
        found = seen(self.ground).mark
        if found is None or found.generation != what.mark.generation:
            raise Drift(
                f"volume {what.volume} is not as planned any more", why=f"found: {told(found)}",
                host=ground.host,
            )  # fmt: skip
        self.stand.live(what.live)
        text = f"volume {what.volume}: {what.load.service} has loaded snapshot {snapshot.id}"
        self.ground.emit(ev.Note(f"{text}; what was there is snapshot {kept.id}"))
