"""No byte is free where the engine of the next host keeps what it knows of images and containers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fleet.rehearsal.faults.fault import Fault, Moment, Promise, Scene

ROOM_MB = 8
"""More than what lies there. It is memory of this machine, and no more than this is filled."""
# The engine keeps none of these files open, so that another file system can come and go under it.
FILL = f"""
set -e
cd /var/lib/docker
mkdir -p /run/fault
mount --bind . /run/fault
mount -t tmpfs -o size={ROOM_MB}m fault image
cp -a /run/fault/image/. image/
dd if=/dev/zero of=image/full bs=4k 2>/dev/null || :
"""
FREE = """
set -e
cd /var/lib/docker
rm -f image/full
rm -rf /run/fault/image.healed
cp -a image /run/fault/image.healed
umount image
rm -rf image
mv image.healed image
umount /run/fault
"""


@contextmanager
def _broken(scene: Scene) -> Iterator[str]:
    scene.next.run(FILL)
    try:
        yield f"the disk of {scene.next.name} is full where its engine keeps what it knows of images"
    finally:
        scene.next.run(FREE)


FAULT = Fault(
    "the disk of the next host is full",
    Moment.TURN,
    _broken,
    Promise(
        "no request is lost; the old container goes on where the new one cannot be made",
        frozenset({1, 3}),
    ),
    "make room on the host (docker system df, inv prune), then the same deploy again",
)
