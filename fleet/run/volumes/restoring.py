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

from fleet.errors import Drift
from fleet.model.snapshots import Kind, Restoring
from fleet.model.volumes import State
from fleet.ops.dumps import load
from fleet.ops.restoring import take_over
from fleet.plan.keeping import RestoreVolume
from fleet.plan.tree import Step
from fleet.report import events as ev
from fleet.run.perform import perform
from fleet.run.volumes.attended import COPY_SECONDS
from fleet.run.volumes.beside import counted
from fleet.run.volumes.failing import failing
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.preflight import seen, told
from fleet.run.volumes.standing import Stand
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
            self.ground.script(take_over(self.what), self.stand.doing("take it over"))
        if self.what.keeping is None:
            self._on()
        else:
            self._replace()

    @property
    def stand(self) -> Stand:
        return Stand(self.what, self.ground)

    def _let_go(self) -> None:
        """What is there is whole, and nobody wants it."""
        with failing(self.ground.emit, self.stand.back):
            self.stand.stop()
            self.stand.release()

    def _make(self) -> None:
        assert self.node.make  # noqa: S101 - asked before
        perform(
            Step(self.ground.host, self.node.make), self.ground.transport, self.ground.emit,
            self.ground.cancel, show=self.ground.show,
        )  # fmt: skip

    def _on(self) -> None:
        """Nothing whole is there, or nothing that anybody wants: so it stays when this one fails."""
        volume = self.what.volume
        half = f"volume {volume} is half restored: nothing uses it. Run again"
        with failing(self.ground.emit, lambda: f"{half}; inv volumes list {volume} tells of others"):
            found = self.stand.brought(self.what.snapshot, self.ground)
            self.stand.live(self.what.live)
        self._start(found, "")

    def _replace(self) -> None:
        """What is there is whole, and stays so in a snapshot of its own."""
        keeping = self.what.keeping
        assert keeping  # noqa: S101 - asked before
        self.ground.remove()
        kept = self.stand.keep(begin(keeping, self.ground))
        with failing(self.ground.emit, lambda: self.stand.back(kept)):
            found = self.stand.brought(self.what.snapshot, self.ground)
            self.stand.live(self.what.live)
        self._start(found, f"; what was there is snapshot {kept.id}")

    def _start(self, found: Mapping[str, Any], kept: str) -> None:
        what = self.what
        text = f"volume {what.volume} is what snapshot {what.snapshot.id} holds: {counted(found)}"
        self.ground.emit(ev.Note(f"{text}, byte for byte the same{kept}"))
        left = f"volume {what.volume} is restored, and what runs on it is not: inv deploy starts it"
        with failing(self.ground.emit, lambda: left):
            self.stand.start()

    def _load(self) -> None:
        """The service reads it itself, so nothing stops."""
        what, snapshot = self.what, self.what.snapshot
        assert what.load and what.keeping and what.mark  # noqa: S101, PT018 - as planned
        kept = take(what.keeping, self.ground)
        ground = self.stand.reading(snapshot)
        ground.start()
        how = f"inv volumes restore {what.volume} --snapshot {kept.id}"
        loaded = f"what was loaded before that is in volume {what.volume}; what was there: {how}"
        with failing(ground.emit, lambda: loaded):
            script = load(ground.helper, what.load, snapshot.digest)
            ground.script(script, self.stand.doing("load the dump"), seconds=COPY_SECONDS)
        found = seen(self.ground).mark
        if found is None or found.generation != what.mark.generation:
            raise Drift(
                f"volume {what.volume} is not as planned any more", why=f"found: {told(found)}",
                host=ground.host,
            )  # fmt: skip
        self.stand.live(what.live)
        text = f"volume {what.volume}: {what.load.service} has loaded snapshot {snapshot.id}"
        self.ground.emit(ev.Note(f"{text}; what was there is snapshot {kept.id}"))
