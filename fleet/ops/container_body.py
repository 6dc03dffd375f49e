"""A container specification as the Engine API's create body, the way ``docker compose up`` sends it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fleet.model.services import (
    BlockIo,
    ContainerSpec,
    DeviceRequest,
    Healthcheck,
    Mount,
    NetworkAttachment,
    Port,
)

NANOSECONDS = 1_000_000_000


def create_body(
    spec: ContainerSpec, image: str, labels: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The body of ``POST /containers/create`` (API 1.41), and the endpoint settings of further networks.

    ``image`` is what the container is created from (a digest reference), ``labels`` are added to the
    specification's own. Sealed values stay sealed. The engine takes one network at creation; the others,
    by network name, are connected before the start.
    """
    body: dict[str, Any] = {
        "Image": image,
        "Hostname": spec.hostname or "",
        "Domainname": spec.domainname or "",
        "User": spec.user or "",
        "WorkingDir": spec.working_dir or "",
        "Tty": spec.tty,
        "OpenStdin": spec.stdin_open,
        "AttachStdout": True,
        "AttachStderr": True,
        "Env": [_assignment(name, value) for name, value in spec.environment],
        "Labels": {**dict(spec.labels), **labels},
        "ExposedPorts": {port: {} for port in _exposed(spec)},
        # The API counts whole seconds; 0 would kill at once.
        "StopTimeout": math.ceil(spec.stop_grace_period),
        "HostConfig": _host_config(spec),
    }
    # An absent command keeps the image's own, an empty list clears it.
    if spec.command is not None:
        body["Cmd"] = list(spec.command)
    if spec.entrypoint is not None:
        body["Entrypoint"] = list(spec.entrypoint)
    if spec.stop_signal:
        body["StopSignal"] = spec.stop_signal
    if spec.healthcheck:
        body["Healthcheck"] = _healthcheck(spec.healthcheck)
    if spec.networks and spec.networks[0].mac_address:
        # Before API 1.44 an endpoint has no MAC address; the container's is that of its first network.
        body["MacAddress"] = spec.networks[0].mac_address
    first = {network.name: _endpoint(spec, network) for network in spec.networks[:1]}
    if first:
        body["NetworkingConfig"] = {"EndpointsConfig": first}
    return body, {network.name: _endpoint(spec, network) for network in spec.networks[1:]}


def _assignment(name: str, value: Any) -> Any:
    return f"{name}={value}" if isinstance(value, str) else f"{name}=" + value


def _exposed(spec: ContainerSpec) -> list[str]:
    ports = [_port(port) for port in spec.ports]
    return sorted({*spec.expose, *ports})


def _port(port: Port) -> str:
    return f"{port.target}/{port.protocol}"


def _healthcheck(check: Healthcheck) -> dict[str, Any]:
    return {
        "Test": list(check.test),
        "Interval": _nanoseconds(check.interval),
        "Timeout": _nanoseconds(check.timeout),
        "StartPeriod": _nanoseconds(check.start_period),
        "Retries": check.retries,
    }


def _nanoseconds(seconds: float) -> int:
    return round(seconds * NANOSECONDS)


def _endpoint(spec: ContainerSpec, network: NetworkAttachment) -> dict[str, Any]:
    endpoint: dict[str, Any] = {"Aliases": list(dict.fromkeys([spec.name, *network.aliases]))}
    addresses: dict[str, Any] = {
        "IPv4Address": network.ipv4_address,
        "IPv6Address": network.ipv6_address,
        "LinkLocalIPs": list(network.link_local_ips),
    }
    if any(addresses.values()):
        endpoint["IPAMConfig"] = {key: value for key, value in addresses.items() if value}
    return endpoint


def _host_config(spec: ContainerSpec) -> dict[str, Any]:
    name, _, retries = spec.restart.partition(":")
    config: dict[str, Any] = {
        "RestartPolicy": {"Name": name, "MaximumRetryCount": int(retries or 0)},
        "NetworkMode": spec.network_mode or (spec.networks[0].name if spec.networks else "none"),
        "PortBindings": _port_bindings(spec.ports),
        "Binds": [_bind(mount) for mount in spec.mounts if _as_bind(mount)],
        "Mounts": [_mount(mount) for mount in spec.mounts if not _as_bind(mount)],
        "Tmpfs": dict(spec.tmpfs),
        "ReadonlyRootfs": spec.read_only,
        "Privileged": spec.privileged,
        "CapAdd": list(spec.cap_add),
        "CapDrop": list(spec.cap_drop),
        "GroupAdd": list(spec.group_add),
        "Dns": list(spec.dns),
        "DnsSearch": list(spec.dns_search),
        "DnsOptions": list(spec.dns_opt),
        "ExtraHosts": list(spec.extra_hosts),
        "Sysctls": dict(spec.sysctls),
        "IpcMode": spec.ipc or "",
        "PidMode": spec.pid or "",
        "UTSMode": spec.uts or "",
        "UsernsMode": spec.userns_mode or "",
        "ShmSize": spec.shm_size,
        "OomScoreAdj": spec.oom_score_adj,
        **_resources(spec),
        **_security(spec),
    }
    if spec.init is not None:
        config["Init"] = spec.init
    if spec.cgroup:
        config["CgroupnsMode"] = spec.cgroup
    if spec.runtime:
        config["Runtime"] = spec.runtime
    if spec.logging:
        config["LogConfig"] = {"Type": spec.logging.driver, "Config": dict(spec.logging.options)}
    return config


def _resources(spec: ContainerSpec) -> dict[str, Any]:
    resources: dict[str, Any] = {
        "CgroupParent": spec.cgroup_parent or "",
        "Memory": spec.mem_limit,
        "MemoryReservation": spec.mem_reservation,
        "MemorySwap": spec.memswap_limit,
        "OomKillDisable": spec.oom_kill_disable,
        "NanoCpus": _nanoseconds(spec.cpus),
        "CpuShares": spec.cpu_shares,
        "CpuPeriod": spec.cpu_period,
        "CpuQuota": spec.cpu_quota,
        "CpusetCpus": spec.cpuset,
        "DeviceCgroupRules": list(spec.device_cgroup_rules),
        "Devices": [
            {"PathOnHost": d.source, "PathInContainer": d.target, "CgroupPermissions": d.permissions}
            for d in spec.devices
        ],
        "Ulimits": [{"Name": u.name, "Soft": u.soft, "Hard": u.hard} for u in spec.ulimits],
    }
    if spec.mem_swappiness is not None:
        resources["MemorySwappiness"] = spec.mem_swappiness
    if spec.device_requests:
        resources["DeviceRequests"] = [_device_request(request) for request in spec.device_requests]
    if spec.pids_limit:
        resources["PidsLimit"] = spec.pids_limit
    return resources | (_block_io(spec.blkio_config) if spec.blkio_config else {})


def _device_request(request: DeviceRequest) -> dict[str, Any]:
    return {
        "Driver": request.driver,
        "Count": request.count,
        "DeviceIDs": list(request.device_ids) or None,
        "Capabilities": [list(request.capabilities)],
        "Options": dict(request.options),
    }


_RATES = {
    "device_read_bps": "BlkioDeviceReadBps",
    "device_read_iops": "BlkioDeviceReadIOps",
    "device_write_bps": "BlkioDeviceWriteBps",
    "device_write_iops": "BlkioDeviceWriteIOps",
}


def _block_io(limits: BlockIo) -> dict[str, Any]:
    found: dict[str, Any] = {
        "BlkioWeight": limits.weight,
        "BlkioWeightDevice": [{"Path": path, "Weight": weight} for path, weight in limits.weights],
    }
    for one in limits.rates:
        found.setdefault(_RATES[one.kind], []).append({"Path": one.path, "Rate": one.rate})
    return found


def _security(spec: ContainerSpec) -> dict[str, Any]:
    # The API has no such option: the CLI and Compose turn it into two empty lists as well.
    unconfined = "systempaths=unconfined"
    options: dict[str, Any] = {
        "SecurityOpt": [option for option in spec.security_opt if option != unconfined]
    }
    if unconfined in spec.security_opt:
        options |= {"MaskedPaths": [], "ReadonlyPaths": []}
    return options


def _port_bindings(ports: tuple[Port, ...]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        published = str(port.published) if port.published else ""
        bindings.setdefault(_port(port), []).append({"HostIp": port.host_ip, "HostPort": published})
    return bindings


def _as_bind(mount: Mount) -> bool:
    """Compose prefers the older ``Binds``: only that creates a missing host path."""
    if mount.type == "bind":
        return mount.create_host_path
    return mount.type == "volume" and bool(mount.source)


def _bind(mount: Mount) -> str:
    options = ["ro" if mount.read_only else "rw", mount.propagation, "nocopy" if mount.nocopy else ""]
    return f"{mount.source}:{mount.target}:{','.join(option for option in options if option)}"


def _mount(mount: Mount) -> dict[str, Any]:
    body: dict[str, Any] = {"Type": mount.type, "Target": mount.target, "ReadOnly": mount.read_only}
    if mount.source:
        body["Source"] = mount.source
    if mount.propagation:
        body["BindOptions"] = {"Propagation": mount.propagation}
    if mount.nocopy:
        body["VolumeOptions"] = {"NoCopy": True}
    tmpfs = {"SizeBytes": mount.tmpfs_size, "Mode": mount.tmpfs_mode}
    if any(tmpfs.values()):
        body["TmpfsOptions"] = {key: value for key, value in tmpfs.items() if value}
    return body
