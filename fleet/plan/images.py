"""Which digest each wanted image stands for: known from the hosts, or to be asked of the registry."""

from __future__ import annotations

from fleet.facts.images import local_name
from fleet.model.desired import Desired
from fleet.model.found import Facts, HostFacts, Image
from fleet.model.images import ImageRef


def to_resolve(desired: Desired, facts: Facts) -> dict[str, tuple[str, ...]]:
    """Images whose registry must be asked, each with the hosts that want it, in inventory order.

    With the pull policy ``missing`` the registry is asked only when the hosts that want the image do
    not all have it already, and the same one: so a run that changes nothing needs no registry.
    """
    wanted: dict[str, list[str]] = {}
    always: set[str] = set()
    for state in desired.hosts:
        for service in state.services:
            image = service.container.image
            if ImageRef.parse(image).digest or service.pull_policy == "never":
                continue
            wanted.setdefault(image, []).append(state.host)
            if service.pull_policy == "always":
                always.add(image)
    return {
        image: tuple(dict.fromkeys(hosts))
        for image, hosts in wanted.items()
        if image in always or _agreed(image, [facts.hosts[host] for host in hosts]) is None
    }


def known(desired: Desired, facts: Facts) -> dict[str, str]:
    """Digest by image as far as the hosts agree about it without asking."""
    ask = to_resolve(desired, facts)
    found: dict[str, str] = {}
    for state in desired.hosts:
        for service in state.services:
            image = service.container.image
            digest = ImageRef.parse(image).digest or (
                None if image in ask else _agreed(image, [facts.hosts[state.host]])
            )
            if digest:
                found[image] = digest
    return found


def reference(image: str, facts: Facts, host: HostFacts) -> str | None:
    """What a container is created from: ``name@digest``, or the local id of an image that no registry
    ever gave a digest; None when it cannot be known."""
    ref = ImageRef.parse(image)
    digest = ref.digest or facts.digests.get(image)
    if digest:
        return ref.pinned(digest)
    local = _local(image, host)
    return local.id if local and not local.digests else None


def present(pinned: str, host: HostFacts) -> bool:
    """Is the image with this reference on the host?"""
    images = host.images if isinstance(host.images, dict) else {}
    return any(pinned == image.id or pinned in image.digests for image in images.values())


def _agreed(image: str, hosts: list[HostFacts]) -> str | None:
    """The one digest (or ``""``: an image without any) that all the hosts have; None: they do not."""
    name = ImageRef.parse(image).name
    digests: set[str] = set()
    for host in hosts:
        local = _local(image, host)
        if local is None:
            return None
        ours = [digest.partition("@")[2] for digest in local.digests if digest.partition("@")[0] == name]
        digests.add(ours[0] if ours else "")
    return digests.pop() if len(digests) == 1 else None


def _local(image: str, host: HostFacts) -> Image | None:
    images = host.images if isinstance(host.images, dict) else {}
    return images.get(local_name(image))
