"""Hosts in memory: what each operation does to a host's facts, for laws over whole plans."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from fleet.model.balancing import BalancerView, ServerView
from fleet.model.found import Container, Facts, FoundDir, FoundFile, HostFacts, Image
from fleet.model.servers import server_in
from fleet.model.services import Service
from fleet.model.slots import slot_of
from fleet.model.snapshots import Restoring, Snapshot, Upgrading
from fleet.model.volumes import FoundVolume, Mark, State
from fleet.ops.adopt import AdoptVolume
from fleet.ops.config import WriteConfig
from fleet.ops.containers import Create, Recipe, Remove, Replace
from fleet.ops.job import RunJob
from fleet.ops.places import MakeNetwork, MakeVolume
from fleet.ops.pull import Pull
from fleet.ops.secrets import WriteSecrets
from fleet.ops.snapshots import DropSnapshot
from fleet.ops.taking_back import GiveUp, TakeBack
from fleet.plan.keeping import Keep, OwnVolume, RestoreVolume, TakeSnapshot, UpgradeVolume
from fleet.plan.tree import Admit, CopyVolume, Drain, Gate, Lead, MoveVolume, Node, Plan, Step


def every_step(plan: Plan) -> list[Node]:
    return [step for stage in plan.stages for turn in stage.turns for step in turn.steps]


CUTS = ("created", "running", "ended", "recorded")
"""Where a run can be cut off in the midst of a job, as the next run finds it."""


def _what(step: RestoreVolume | UpgradeVolume | OwnVolume) -> Restoring | Upgrading:
    return step.restoring if isinstance(step, RestoreVolume) else step.upgrading


class World:
    """Facts that change step by step. ``commands``: what the containers of jobs began to do."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.commands: list[tuple[str, ...]] = []
        self._made = 0

    def run(self, plan: Plan) -> None:
        for step in every_step(plan):
            self.perform(step)

    def perform(self, step: Node) -> None:
        host = self.facts.hosts[step.host]
        if isinstance(step, (Drain, Admit)):
            return self._lead(step, host)
        if isinstance(step, CopyVolume | MoveVolume):
            return self._haul(step)
        if isinstance(step, TakeSnapshot | RestoreVolume | UpgradeVolume | OwnVolume):
            return self._keep(step)
        if isinstance(step, Step):
            self._requests_are_safe(step, host)
        if isinstance(step, Gate):
            ids = tuple(one.id for one in host.containers if one.name == step.container)
            assert ids, "the gate's container is not there"
            after = self._proven(replace(host, proven=(*host.proven, *ids)), step.service)
        elif isinstance(step.op, RunJob):
            self.cut(step, "recorded")
            host = self.facts.hosts[step.host]
            after = replace(
                host, containers=tuple(one for one in host.containers if one.name != step.op.name)
            )
        else:
            after = self._after(step.op, host)
        self.facts = replace(self.facts, hosts={**self.facts.hosts, step.host: after})
        self._checks(after)
        return None

    def _haul(self, step: CopyVolume | MoveVolume) -> None:
        """Facts of both hosts, as a move that went well leaves them."""
        move, hosts = step.move, self.facts.hosts
        source, target = hosts[move.source], hosts[move.target]
        if isinstance(step, CopyVolume):
            assert source.volumes[move.at_source].mark == move.mark, "guard: the source's mark is another one"
            if move.volume not in target.volumes:
                target = self._after(step.make, target)
            found = target.volumes[move.volume].mark
            target = self._marked(target, move.volume, found, step.make.mark)
        else:
            source = self._stopped(source, {one.id for one in move.writers})
            source = self._marked(source, move.at_source, move.mark, move.fenced)
            live = replace(move.incoming, state=State.LIVE, generation=move.mark.generation + 1)
            target = source if move.source == move.target else target
            target = self._marked(target, move.volume, target.volumes[move.volume].mark, live)
        self.facts = replace(self.facts, hosts={**hosts, move.source: source, move.target: target})

    def _keep(self, step: Keep) -> None:
        host = self.facts.hosts[step.host]
        taking = step.taking if isinstance(step, TakeSnapshot) else _what(step).keeping
        if taking:
            found = host.volumes[taking.volume].mark
            assert found, "guard: it is not marked"
            assert replace(found, since=0, proven=False) == replace(taking.mark, since=0, proven=False)
            self._made += 1
            id_ = f"20260102-030405-{self._made:04}"
            made = Snapshot(
                id_, taking.volume, found.lineage, found.generation, taking.version, why=taking.why,
                owner=taking.owner,
            )  # fmt: skip
            holds = FoundVolume(made.name, project="shop", env="test", snapshot=taking.volume)
            kept = {**host.snapshots, taking.volume: (*host.snapshots.get(taking.volume, ()), made)}
            host = replace(host, snapshots=kept, volumes={**host.volumes, made.name: holds})
        if not isinstance(step, TakeSnapshot):
            if isinstance(step, RestoreVolume) and step.make:
                host = self._after(step.make, host)
            what = _what(step)
            host = self._stopped(host, set(what.replaced))
            host = self._marked(host, what.volume, host.volumes[what.volume].mark, what.live)
            owner = step.owner if isinstance(step, OwnVolume) else ""
            if isinstance(step, RestoreVolume):
                owner = step.restoring.snapshot.owner
            if owner:
                there = replace(host.volumes[what.volume], owner=owner)
                host = replace(host, volumes={**host.volumes, what.volume: there})
        self.facts = replace(self.facts, hosts={**self.facts.hosts, step.host: host})

    def _marked(self, host: HostFacts, name: str, found: Mark | None, mark: Mark | None) -> HostFacts:
        assert host.volumes[name].mark == found, "guard: the mark is another one"
        return replace(host, volumes={**host.volumes, name: replace(host.volumes[name], mark=mark)})

    def _stopped(self, host: HostFacts, ids: set[str]) -> HostFacts:
        containers = tuple(
            replace(one, state="exited", altered=("restart",)) if one.id in ids else one
            for one in host.containers
        )
        return replace(host, containers=containers)

    def _proven(self, host: HostFacts, service: Service) -> HostFacts:
        """What the service mounts has been good for it."""
        for mount in service.container.mounts:
            found = host.volumes.get(mount.source)
            if found and found.mark:
                host = self._marked(host, found.name, found.mark, replace(found.mark, proven=True))
        return host

    def _mounted(self, host: HostFacts, one: Container) -> HostFacts:
        """Nothing runs on data that does not live here."""
        names = {mount.source for mount in one.definition.container.mounts} if one.definition else set()
        volumes = dict(host.volumes)
        for name, found in host.volumes.items():
            others = set(found.users) - {one.name}
            if name in names:
                assert found.mark is None or found.mark.state is State.LIVE, f"{one.name} on {found.mark}"
                others.add(one.name)
            volumes[name] = replace(found, users=tuple(sorted(others)))
        return replace(host, volumes=volumes)

    def _checks(self, host: HostFacts) -> None:
        """The balancers find out what runs on the host."""
        behind = {str(one) for one in self._behind(host, proven=False)}
        slots = {host.host, *(f"{host.host}-{place}" for place in ("blue", "green", "2", "3"))}
        for name, balancer in self.facts.balancers.items():
            assert isinstance(balancer, BalancerView)
            servers = {
                key: replace(view, up=key in behind) if key.partition("/")[2] in slots else view
                for key, view in balancer.servers.items()
            }
            self.facts = replace(
                self.facts, balancers={**self.facts.balancers, name: replace(balancer, servers=servers)}
            )

    def _lead(self, node: Lead, host: HostFacts) -> None:
        assert isinstance(node, (Drain, Admit))
        if isinstance(node, Admit):
            assert node.server in self._behind(host, proven=True), "requests to what has not passed its gate"

        def led(view: ServerView) -> ServerView:
            if isinstance(node, Drain):
                return replace(view, drained=True)
            return replace(view, drained=False, weight=node.weight)

        changed = 0
        for name, balancer in self.facts.balancers.items():
            assert isinstance(balancer, BalancerView)
            if str(node.server) in balancer.servers:
                changed += 1
                servers = {**balancer.servers, str(node.server): led(balancer.servers[str(node.server)])}
                made = replace(balancer, servers=servers)
                self.facts = replace(self.facts, balancers={**self.facts.balancers, name: made})
        assert changed, "a server that no balancer knows"

    def _requests_are_safe(self, step: Step, host: HostFacts) -> None:
        """Nothing that serves is stopped, and nothing begins where requests go at once."""
        op = step.op
        service: Service | None = None
        if isinstance(op, (Create, Replace)):
            service, slot = op.recipe.service, op.recipe.slot
        elif isinstance(op, Remove):
            one = next(one for one in host.containers if one.id == op.id)
            service = one.definition if one.running else None
            slot = slot_of(service, one.name) if service else 0
        if service is None or not slot:
            return
        server = server_in(service, step.host, slot)
        for balancer in self.facts.balancers.values():
            assert isinstance(balancer, BalancerView)
            view = balancer.servers.get(str(server))
            assert view is None or view.drained, f"{step.op.describe()}: {server} gets requests meanwhile"

    def _behind(self, host: HostFacts, *, proven: bool) -> set[object]:
        return {
            server_in(one.definition, host.host, slot_of(one.definition, one.name))
            for one in host.containers
            if one.definition and one.running and slot_of(one.definition, one.name)
            and (not proven or one.id in host.proven)
        }  # fmt: skip

    def cut(self, step: Step, where: str) -> None:
        """Carry out a job's step as far as ``where``, one of CUTS."""
        op, host = step.op, self.facts.hosts[step.host]
        assert isinstance(op, RunJob)
        rest = tuple(one for one in host.containers if one.id != op.found)
        if op.found:
            (one,) = (one for one in host.containers if one.id == op.found)
        else:
            assert op.name not in {one.name for one in rest}, "name taken"
            one = self._made_from(op.recipe, "created")
        if where != "created" and not op.found:
            self.commands.append(op.recipe.spec.command or ())
        if where != "created":
            one = replace(one, state="running" if where == "running" else "exited")
        if where == "recorded":
            self.facts = replace(
                self.facts, jobs={**self.facts.jobs, op.job.key: op.ran(step.host, 1, "done")}
            )
        after = replace(host, containers=(*rest, one))
        self.facts = replace(self.facts, hosts={**self.facts.hosts, step.host: after})

    def _after(self, op: object, host: HostFacts) -> HostFacts:
        match op:
            case Pull(image, written):
                images = {
                    **host.images,
                    written: Image("sha256:local", (image,)),
                    image: Image("sha256:local", (image,)),
                }
                return replace(host, images=images)
            case MakeNetwork(_, _, network):
                return replace(host, networks=(*host.networks, network.name))
            case MakeVolume(_, _, volume, mark):
                assert volume.name not in host.volumes, "guard: it is there"
                if mark and not mark.lineage:
                    self._made += 1
                    mark = replace(mark, lineage=f"born-{self._made}")
                made = FoundVolume(volume.name, volume.driver, mark, (), "shop", "test", volume.role)
                made = replace(made, owner=volume.care.owner)
                return replace(host, volumes={**host.volumes, volume.name: made})
            case AdoptVolume(volume, _, mark, found) | TakeBack(volume, _, found, mark):
                return self._marked(host, volume, found, mark)
            case GiveUp(volume, _, found, mark, writers):
                stopped = self._stopped(host, {one.id for one in writers})
                return self._marked(stopped, volume, found, mark)
            case DropSnapshot(snapshot):
                left = tuple(one for one in host.snapshots[snapshot.volume] if one != snapshot)
                assert len(left) < len(host.snapshots[snapshot.volume]), "guard: it is not there"
                return replace(host, snapshots={**host.snapshots, snapshot.volume: left})
            case Create(recipe=recipe):
                assert recipe.spec.name not in {one.name for one in host.containers}, "name taken"
                made = self._made_from(recipe)
                return self._mounted(replace(host, containers=(*host.containers, made)), made)
            case Replace(recipe=recipe, old_id=old_id):
                assert old_id in {one.id for one in host.containers}, "guard: the old one is not there"
                kept = tuple(one for one in host.containers if one.id != old_id)
                made = self._made_from(recipe)
                return self._mounted(replace(host, containers=(*kept, made)), made)
            case Remove(_, id_):
                assert id_ in {one.id for one in host.containers}, "guard: it is not there"
                return replace(host, containers=tuple(one for one in host.containers if one.id != id_))
            case WriteConfig():
                return self._written(op, host)
            case WriteSecrets(_, directory, _, fingerprints):
                return replace(host, sealed={**host.sealed, directory: dict(fingerprints)})
        raise AssertionError(f"no such operation: {op}")

    def _written(self, op: WriteConfig, host: HostFacts) -> HostFacts:
        found = host.dirs.get(op.config.directory, FoundDir(op.config.directory, False))
        here = {file.name: file.sha256 for file in found.files}
        for name, sha in op.found:
            assert here.get(name, "-") == sha, "guard: the file is another one"
        files = tuple(
            FoundFile(file.name, file.mode, hashlib.sha256(str(file.content).encode()).hexdigest(),
                      f"{op.config.uid}:{op.config.gid}", True, str(file.content))
            for file in op.config.files
        )  # fmt: skip
        foreign = tuple(
            file for file in found.files if not file.ours and file.name not in {f.name for f in files}
        )
        directory = FoundDir(op.config.directory, True, True, (*files, *foreign))
        return replace(
            host,
            dirs={**host.dirs, op.config.directory: directory},
            sealed={**host.sealed, op.config.directory: dict(op.fingerprints)},
        )

    def _made_from(self, recipe: Recipe, state: str = "running") -> Container:
        self._made += 1
        return Container(
            id=f"made-{self._made}",
            name=recipe.spec.name,
            role=recipe.service.role,
            service=recipe.service.name,
            release=recipe.release,
            spec_digest=recipe.digest,
            image=recipe.image,
            state=state,
            definition=recipe.service,
            job=recipe.job,
        )
