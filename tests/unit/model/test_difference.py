"""A difference names fields as the Compose file does, and shows no secret."""

from fleet.model.difference import difference
from fleet.model.services import (
    BlockIo,
    ContainerSpec,
    DeviceRate,
    DeviceRequest,
    Healthcheck,
    Mount,
    NetworkAttachment,
    Port,
)
from fleet.secret import Hole, SealedText, SecretRef

SECRET = SealedText(("pw:", Hole(SecretRef("env", "DB_PASSWORD"))))


def test_nothing() -> None:
    assert difference(ContainerSpec("c", "i"), ContainerSpec("c", "i")) == ()


def test_by_key_by_item_and_plain() -> None:
    old = ContainerSpec(
        "c",
        "shop:v1",
        environment=(("A", "1"), ("B", "2"), ("EMPTY", "")),
        ports=(Port(80, 8001), Port(81, 8002)),
        networks=(NetworkAttachment("net", ("app",)),),
        cpus=0.5,
    )
    new = ContainerSpec(
        "c",
        "shop:v2",
        environment=(("A", "1"), ("B", SECRET), ("C", "3")),
        ports=(Port(80, 8001), Port(81, 8003)),
        mounts=(Mount("bind", "/etc/shop", "/srv", read_only=True),),
        networks=(NetworkAttachment("net", ("app", "www")),),
        command=("run", "it"),
        healthcheck=Healthcheck(("CMD", "true"), interval=0.5, retries=2),
        read_only=True,
        cpus=1.5,
    )
    assert difference(old, new) == (
        ("image", "shop:v1", "shop:v2"),
        ("command", "", "run it"),
        ("environment.B", "2", "pw:‹!secret env:DB_PASSWORD›"),
        ("environment.C", "", "3"),
        ("environment.EMPTY", "''", ""),
        ("ports", "8002:81/tcp", "8003:81/tcp"),
        ("volumes", "", "bind:/srv:/etc/shop:ro"),
        ("networks", "net(app)", "net(app,www)"),
        ("healthcheck", "", "CMD true interval=0.5s retries=2"),
        ("read_only", "false", "true"),
        ("cpus", "0.5", "1.5"),
    )


def test_limits_of_block_devices_and_addresses_are_told_in_their_own_words() -> None:
    limits = BlockIo(300, (("/dev/a", 10),), (DeviceRate("device_read_bps", "/dev/b", 5),))
    networks = (NetworkAttachment("net", link_local_ips=("169.254.0.5",)),)
    gpus = (DeviceRequest(("gpu",), count=-1), DeviceRequest(("gpu",), "nvidia", 0, ("0",), (("a", "b"),)))
    old = ContainerSpec("c", "i")
    new = ContainerSpec("c", "i", networks=networks, blkio_config=limits, device_requests=gpus)
    assert difference(old, new) == (
        ("networks", "", "net(169.254.0.5)"),
        ("blkio_config", "", "weight=300 weight_device=/dev/a:10 device_read_bps=/dev/b:5"),
        ("deploy.resources.reservations.devices", "", "gpu all nvidia gpu 0 a=b"),
    )
