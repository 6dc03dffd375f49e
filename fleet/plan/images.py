"""Which digest each wanted image stands for: known from the hosts, or to be asked of the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fleet.facts.images import local_name
from fleet.model.desired import Desired
from fleet.model.found import Facts, HostFacts, Image
from fleet.model.images import ImageRef
from fleet.model.services import Service


def to_resolve(desired: Desired, facts: Facts) -> dict[str, tuple[str, ...]]:
    """Images whose registry must be asked, each with the hosts that want it, in inventory order.

    With the pull policy ``missing`` the registry is asked only when the hosts that want the image do
    not all have it already, and the same one: so a run that changes nothing needs no registry.
    """
    always = {
        service.container.image
        for state in desired.hosts
        for service in state.services
        if service.pull_policy == "always"
    }
    return {
        image: hosts
        for image, hosts in _wanted(desired).items()
        if image in always or not agreed(image, (facts.hosts[host] for host in hosts))
    }


def known(desired: Desired, facts: Facts) -> dict[str, str]:
    """Digest by image as far as the hosts agree about it without asking."""
    ask = to_resolve(desired, facts)
    found = {
        image: agreed(image, (facts.hosts[host] for host in hosts))
        for image, hosts in _wanted(desired).items()
        if image not in ask
    }
    return {image: digest for image, digest in found.items() if digest}


def to_find(desired: Desired, facts: Facts) -> dict[str, tuple[str, ...]]:
    """Images named by digest that a host would have to pull, each with those hosts: whether the registry
    still has them must be known before anything is changed."""
    found: dict[str, dict[str, None]] = {}
    for state in desired.hosts:
        for service in state.services:
            image = service.container.image
            ref = ImageRef.parse(image)
            pinned = ref.pinned(ref.digest)
            if ref.digest and service.pull_policy != "never" and not present(pinned, facts.hosts[state.host]):
                found.setdefault(image, {})[state.host] = None
    return {image: tuple(hosts) for image, hosts in found.items()}


def reference(service: Service, facts: Facts, host: HostFacts) -> str | None:
    """What the container is created from: ``name@digest``, or the local id of an image that no registry
    ever gave a digest; None when it cannot be known."""
    image = service.container.image
    ref = ImageRef.parse(image)
    local = _images(host).get(local_name(image))
    if service.pull_policy == "never":
        if local is None:
            return None
        ours = sorted(_digests(ref, local))
        return ref.pinned(ref.digest or ours[0]) if ours else local.id
    digest = ref.digest or facts.digests.get(image)
    if digest:
        return ref.pinned(digest)
    return local.id if local and not local.digests else None


def present(pinned: str, host: HostFacts) -> bool:
    """Is the image with this reference on the host?"""
    return any(pinned == image.id or pinned in image.digests for image in _images(host).values())


def _wanted(desired: Desired) -> dict[str, tuple[str, ...]]:
    """Images whose digest is open, each with its hosts."""
    wanted: dict[str, dict[str, None]] = {}
    for state in desired.hosts:
        for service in state.services:
            image = service.container.image
            if not ImageRef.parse(image).digest and service.pull_policy != "never":
                wanted.setdefault(image, {})[state.host] = None
    return {image: tuple(hosts) for image, hosts in wanted.items()}


def agreed(image: str, hosts: Iterable[HostFacts]) -> str:
    """A digest that all the hosts have the image under; empty: there is none.

    One image can have several digests in a repository (pushed again with other metadata). Then the one
    that containers were made from counts, or the next run would replace them for nothing.
    """
    ref = ImageRef.parse(image)
    common: set[str] | None = None
    used: set[str] = set()
    for host in hosts:
        local = _images(host).get(local_name(image))
        if local is None:
            return ""
        ours = _digests(ref, local)
        common = ours if common is None else common & ours
        containers = host.containers if isinstance(host.containers, tuple) else ()
        used |= {one.image.partition("@")[2] for one in containers}
    return min(common & used or common, default="") if common else ""


def _digests(ref: ImageRef, image: Image) -> set[str]:
    """Those under this reference's own repository."""
    pairs = (digest.partition("@") for digest in image.digests)
    return {digest for name, _, digest in pairs if name == ref.name}


def _images(host: HostFacts) -> Mapping[str, Image]:
    return host.images if isinstance(host.images, dict) else {}
