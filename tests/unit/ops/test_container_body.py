"""The create body, golden where it is long, and the places where Compose's choice is not obvious."""

from fleet.model.services import (
    BlockIo,
    ContainerSpec,
    Device,
    DeviceRate,
    DeviceRequest,
    Healthcheck,
    Logging,
    Mount,
    NetworkAttachment,
    Port,
    Ulimit,
)
from fleet.ops.container_body import create_body
from fleet.secret import Hole, SealedText, SecretRef

IMAGE = "registry.example:5000/shop@sha256:" + "a" * 64
SECRET = SealedText(("postgresql://shop:", Hole(SecretRef("env", "DB_PASSWORD")), "@db/shop"))


def host_config(**fields: object) -> dict[str, object]:
    body, _ = create_body(ContainerSpec("c", "i", **fields), IMAGE, {})  # type: ignore[arg-type]
    return body["HostConfig"]


def test_golden_minimal() -> None:
    body, more = create_body(
        ContainerSpec("shop-staging-web-app-1", "shop:v41"), IMAGE, {"fleet.role": "web"}
    )
    assert more == {}
    assert body == {
        "Image": IMAGE,
        "Hostname": "",
        "Domainname": "",
        "User": "",
        "WorkingDir": "",
        "Tty": False,
        "OpenStdin": False,
        "AttachStdout": True,
        "AttachStderr": True,
        "Env": [],
        "Labels": {"fleet.role": "web"},
        "ExposedPorts": {},
        "StopTimeout": 10,
        "HostConfig": {
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            "NetworkMode": "none",
            "PortBindings": {},
            "Binds": [],
            "Mounts": [],
            "Tmpfs": {},
            "ReadonlyRootfs": False,
            "Privileged": False,
            "CapAdd": [],
            "CapDrop": [],
            "GroupAdd": [],
            "Dns": [],
            "DnsSearch": [],
            "DnsOptions": [],
            "ExtraHosts": [],
            "Sysctls": {},
            "IpcMode": "",
            "PidMode": "",
            "UTSMode": "",
            "UsernsMode": "",
            "ShmSize": 0,
            "OomScoreAdj": 0,
            "CgroupParent": "",
            "Memory": 0,
            "MemoryReservation": 0,
            "MemorySwap": 0,
            "OomKillDisable": False,
            "NanoCpus": 0,
            "CpuShares": 0,
            "CpuPeriod": 0,
            "CpuQuota": 0,
            "CpusetCpus": "",
            "DeviceCgroupRules": [],
            "Devices": [],
            "Ulimits": [],
            "SecurityOpt": [],
        },
    }


def test_golden_of_what_a_web_service_says() -> None:
    spec = ContainerSpec(
        "shop-staging-web-app-1",
        "shop:v41",
        command=("gunicorn", "shop:app"),
        entrypoint=(),
        environment=(("DATABASE_URL", SECRET), ("EMPTY", ""), ("MODE", "web")),
        labels=(("team", "shop"),),
        ports=(Port(8000, 8001), Port(8000, 8002, host_ip="127.0.0.1"), Port(53, 0, "udp")),
        expose=("9000/tcp",),
        networks=(
            NetworkAttachment(
                "shop_front", ("app", "www"), ipv4_address="10.1.0.5", mac_address="02:42:ac:11:00:03"
            ),
            NetworkAttachment("shop_back", ("app",)),
        ),
        healthcheck=Healthcheck(("CMD", "true"), interval=0.5, timeout=2, retries=3, start_period=1.5),
        restart="on-failure:5",
        stop_signal="SIGQUIT",
        stop_grace_period=30,
        logging=Logging("json-file", (("max-size", "10m"),)),
        init=True,
        cpus=0.25,
        mem_limit=268435456,
        mem_swappiness=0,
        pids_limit=100,
        devices=(Device("/dev/net/tun", "/dev/net/tun"),),
        ulimits=(Ulimit("nofile", 1024, 2048),),
    )
    body, more = create_body(spec, IMAGE, {"fleet.role": "web"})
    assert body["Cmd"] == ["gunicorn", "shop:app"]
    assert body["Entrypoint"] == []
    assert body["Env"] == [
        SealedText(
            ("DATABASE_URL=", "postgresql://shop:", Hole(SecretRef("env", "DB_PASSWORD")), "@db/shop")
        ),
        "EMPTY=",
        "MODE=web",
    ]
    assert body["Labels"] == {"team": "shop", "fleet.role": "web"}
    assert body["ExposedPorts"] == {"53/udp": {}, "8000/tcp": {}, "9000/tcp": {}}
    assert body["StopSignal"] == "SIGQUIT"
    assert body["StopTimeout"] == 30
    assert body["MacAddress"] == "02:42:ac:11:00:03"
    assert body["Healthcheck"] == {
        "Test": ["CMD", "true"],
        "Interval": 500_000_000,
        "Timeout": 2_000_000_000,
        "StartPeriod": 1_500_000_000,
        "Retries": 3,
    }
    assert body["NetworkingConfig"] == {
        "EndpointsConfig": {
            "shop_front": {
                "Aliases": ["shop-staging-web-app-1", "app", "www"],
                "IPAMConfig": {"IPv4Address": "10.1.0.5"},
            }
        }
    }
    assert more == {"shop_back": {"Aliases": ["shop-staging-web-app-1", "app"]}}
    host = body["HostConfig"]
    assert host["NetworkMode"] == "shop_front"
    assert host["PortBindings"] == {
        "8000/tcp": [{"HostIp": "", "HostPort": "8001"}, {"HostIp": "127.0.0.1", "HostPort": "8002"}],
        "53/udp": [{"HostIp": "", "HostPort": ""}],
    }
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 5}
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m"}}
    assert host["Init"] is True
    assert host["NanoCpus"] == 250_000_000
    assert host["Memory"] == 268435456
    assert host["MemorySwappiness"] == 0
    assert host["PidsLimit"] == 100
    assert host["Devices"] == [
        {"PathOnHost": "/dev/net/tun", "PathInContainer": "/dev/net/tun", "CgroupPermissions": "rwm"}
    ]
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 1024, "Hard": 2048}]


def test_what_creates_its_host_path_is_a_bind_and_the_rest_is_a_mount() -> None:
    host = host_config(
        mounts=(
            Mount("bind", "/etc/shop", "/srv/shop", read_only=True, propagation="rslave"),
            Mount("bind", "/run/secrets", "/run/fleet/x", read_only=True, create_host_path=False),
            Mount("volume", "/data", "shop_data", nocopy=True),
            Mount("volume", "/cache"),
            Mount("tmpfs", "/tmp", tmpfs_size=1024, tmpfs_mode=0o1777),
        )
    )
    assert host["Binds"] == ["/srv/shop:/etc/shop:ro,rslave", "shop_data:/data:rw,nocopy"]
    assert host["Mounts"] == [
        {"Type": "bind", "Target": "/run/secrets", "ReadOnly": True, "Source": "/run/fleet/x"},
        {"Type": "volume", "Target": "/cache", "ReadOnly": False},
        {
            "Type": "tmpfs",
            "Target": "/tmp",
            "ReadOnly": False,
            "TmpfsOptions": {"SizeBytes": 1024, "Mode": 0o1777},
        },
    ]


def test_half_a_second_of_grace_is_not_none() -> None:
    body, _ = create_body(ContainerSpec("c", "i", stop_grace_period=0.5), IMAGE, {})
    assert body["StopTimeout"] == 1


def test_host_network_has_no_endpoint() -> None:
    body, more = create_body(ContainerSpec("c", "i", network_mode="host"), IMAGE, {})
    assert body["HostConfig"]["NetworkMode"] == "host"
    assert "NetworkingConfig" not in body
    assert more == {}


def test_systempaths_unconfined_is_two_empty_lists() -> None:
    host = host_config(security_opt=("no-new-privileges", "systempaths=unconfined"))
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["MaskedPaths"] == []
    assert host["ReadonlyPaths"] == []


def test_without_wishes_the_image_and_the_engine_decide() -> None:
    body, _ = create_body(ContainerSpec("c", "i"), IMAGE, {})
    for absent in ("Cmd", "Entrypoint", "StopSignal", "Healthcheck", "MacAddress"):
        assert absent not in body
    for absent in ("Init", "Runtime", "LogConfig", "MemorySwappiness", "PidsLimit", "MaskedPaths"):
        assert absent not in body["HostConfig"]


def test_limits_of_block_devices() -> None:
    rates = (DeviceRate("device_read_bps", "/dev/a", 5), DeviceRate("device_write_iops", "/dev/a", 6))
    found = host_config(blkio_config=BlockIo(300, (("/dev/a", 10),), rates), cgroup="private")
    assert {key: value for key, value in found.items() if key.startswith(("Blkio", "Cgroupns"))} == {
        "BlkioWeight": 300,
        "BlkioWeightDevice": [{"Path": "/dev/a", "Weight": 10}],
        "BlkioDeviceReadBps": [{"Path": "/dev/a", "Rate": 5}],
        "BlkioDeviceWriteIOps": [{"Path": "/dev/a", "Rate": 6}],
        "CgroupnsMode": "private",
    }


def test_devices_of_a_driver() -> None:
    request = DeviceRequest(("gpu",), "nvidia", 0, ("0",), (("a", "b"),))
    assert host_config(device_requests=(request, DeviceRequest(("gpu",), count=-1)))["DeviceRequests"] == [
        {
            "Driver": "nvidia",
            "Count": 0,
            "DeviceIDs": ["0"],
            "Capabilities": [["gpu"]],
            "Options": {"a": "b"},
        },
        {"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}},
    ]


def test_link_local_addresses() -> None:
    networks = (NetworkAttachment("n", link_local_ips=("169.254.0.5",)),)
    body, _ = create_body(ContainerSpec("c", "i", networks=networks), IMAGE, {})
    endpoint = body["NetworkingConfig"]["EndpointsConfig"]["n"]
    assert endpoint["IPAMConfig"] == {"LinkLocalIPs": ["169.254.0.5"]}
