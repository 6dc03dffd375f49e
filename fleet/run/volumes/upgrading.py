"""Carry out UpgradeVolume: what is there is kept as a snapshot, then a command changes it for a new version.

The command works on the volume itself, and the copy stays as it was: so what is copied while nobody writes is
what was written meanwhile, and no more. The mark tells how far it came, and what the next run does:

=======================  =====================================================================
live                     not begun, or nothing was touched yet: what ran goes on by itself
incoming, and the        between the stop and the end of the command. Nothing starts on it; the
snapshot from before     next run copies the snapshot back, and begins anew or lets it be
live, one upgrade more   done: the new version starts. Where it was never healthy, a run that
                         goes back brings back the snapshot
=======================  =====================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

from fleet.errors import FleetError
from fleet.model.snapshots import Snapshot, Upgrading
from fleet.model.volumes import State
from fleet.ops.effects import Shell
from fleet.ops.job import RunJob
from fleet.ops.restoring import take_over
from fleet.plan.keeping import UpgradeVolume
from fleet.report import events as ev
from fleet.run.volumes.failing import failing
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.standing import Stand
from fleet.run.volumes.taking import begin
from fleet.shell import words

Run = Callable[[RunJob], None]
"""Carries out the command as a job. Raises FleetError."""

Change = Callable[[Snapshot], None]
"""Of what is in the volume, which the snapshot is a copy of. Raises FleetError."""


def upgrade(node: UpgradeVolume, ground: Ground, run: Run) -> None:
    """``ground``: the host of the volume, with a helper for its sake, not started yet. Raises Drift,
    RemoteFailed, Interrupted, Fenced, ConnectionLost. Whatever is raised, the error says how it stands."""

    def end_command() -> None:
        command = words(["docker", "rm", "-f", node.run.name])
        with suppress(FleetError):
            ground.script(Shell(f"{command} >/dev/null 2>&1 || :\n"), "end the command")

    def commanded(_: Snapshot) -> None:
        with ExitStack() as failed:
            # One for which nobody waits any more would go on in what is copied back.
            failed.callback(end_command)
            run(node.run)
            failed.pop_all()

    Changer(node.upgrading, ground, commanded).run()


@dataclass(frozen=True, slots=True)
class Changer:
    """``verb``: what is done, and ``done`` once it is."""

    what: Upgrading
    ground: Ground
    change: Change
    verb: str = "upgrade"
    done: str = "upgraded"

    def run(self) -> None:
        """What is there is kept, then changed. Raises as :func:`upgrade` does."""
        try:
            self._run()
        finally:
            self.ground.remove()

    def _run(self) -> None:
        stand, kept = self._taken_up(self.what.kept) if self.what.kept else self._kept()
        before = replace(self.what.mark, state=State.LIVE, snapshot="", upgrades=kept.upgrades)
        with failing(self.ground.emit, lambda: stand.back(kept, before)):
            if self.what.kept:
                stand.brought(kept, self.ground)
            self.ground.remove()
            self.change(kept)
            stand.live(self.what.live)
        volume = self.what.volume
        self.ground.emit(ev.Note(f"volume {volume} is {self.done}; what was there is snapshot {kept.id}"))
        left = f"volume {volume} is {self.done}, and what runs on it is not: inv deploy starts it"
        with failing(self.ground.emit, lambda: left):
            stand.start()

    def _kept(self) -> tuple[Stand, Snapshot]:
        assert self.what.keeping  # noqa: S101 - as planned
        begun = begin(self.what.keeping, self.ground)
        stand = self._stand(begun.blank)
        return stand, stand.keep(begun)

    def _taken_up(self, kept: Snapshot) -> tuple[Stand, Snapshot]:
        """Of a run that was cut off in the midst of it."""
        stand = self._stand(kept)
        stand.is_whole()
        self.ground.script(take_over(stand.what), stand.doing("take it over"))
        return stand, kept

    def _stand(self, snapshot: Snapshot) -> Stand:
        return Stand(self.what.back(snapshot), self.ground, self.verb, self.done)
