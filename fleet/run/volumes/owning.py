"""Carry out OwnVolume: all that is in a volume gets another owner, and nothing else of it changes.

It stands as an upgrade does at every moment, and goes on from there: what is half done is copied back first.
"""

from __future__ import annotations

from fleet.errors import RemoteFailed
from fleet.model.snapshots import Snapshot
from fleet.plan.keeping import OwnVolume
from fleet.report import events as ev
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.upgrading import Changer


def own(node: OwnVolume, ground: Ground) -> None:
    """``ground``: the host of the volume, with a helper for its sake, not started yet. Raises Drift,
    RemoteFailed, Interrupted, Fenced, ConnectionLost. Whatever is raised, the error says how it stands."""
    volume, owner = node.upgrading.volume, node.owner

    def changed(kept: Snapshot) -> None:
        between = ground.between(kept.name, volume)
        between.start()
        given = between.ask(f"give volume {volume} to {owner}", "own", "--owner", owner)
        found = between.ask(f"compare volume {volume} with its snapshot", "same", "--owner", owner)
        if found.get("equal") is not True:
            raise RemoteFailed(
                f"volume {volume} differs from its snapshot in more than its owner",
                why="\n".join(map(str, found.get("differences", ()))),
                hint="does something outside of Docker write to it? (fuser on its directory tells)",
                host=ground.host,
            )
        text = f"volume {volume}: {given['changed']} of {found['entries']} entries got owner {owner}"
        ground.emit(ev.Note(f"{text}, and nothing else is different"))

    Changer(node.upgrading, ground, changed, "change the owner of", f"owned by {owner}").run()
