"""Every call of :data:`fleet.ops.effects.ApiCall` as requests of the Engine API."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from fleet.errors import Drift
from fleet.ops import effects as fx
from fleet.transport import docker_images
from fleet.transport.base import ApiFailed
from fleet.transport.docker_call import Call


def _create(do: Call, call: fx.CreateContainer) -> str:
    response = do.request("POST", "/containers/create", params={"name": call.name}, body=call.body)
    made = str(response.json()["Id"])
    try:
        for network, endpoint in call.networks.items():
            body = {"Container": made, "EndpointConfig": endpoint}
            do.request("POST", f"/networks/{quote(network)}/connect", body=body)
    except BaseException:
        # A container with half of its networks must not be taken for the one that was wanted.
        do.request("DELETE", f"/containers/{made}", params={"v": "1", "force": "1"}, missing_ok=True)
        raise
    return made


def _start(do: Call, call: fx.StartContainer) -> None:
    do.request("POST", f"/containers/{quote(call.container)}/start")


def _stop(do: Call, call: fx.StopContainer) -> None:
    # The engine answers only when the container has ended.
    do.extend(call.grace + 15)
    do.request("POST", f"/containers/{quote(call.container)}/stop", params={"t": str(math.ceil(call.grace))})


def _remove(do: Call, call: fx.RemoveContainer) -> None:
    path = f"/containers/{quote(call.container)}"
    try:
        params = {"force": "1", **({"v": "1"} if call.volumes else {})}
        do.request("DELETE", path, params=params, missing_ok=True)
    except ApiFailed as failure:
        if failure.status != 409 or "already in progress" not in failure.why:
            raise
        while do.inspect(call.container) is not None:
            if do.left() <= 0.1:
                raise
            time.sleep(0.1)


def _rename(do: Call, call: fx.RenameContainer) -> None:
    do.request("POST", f"/containers/{quote(call.container)}/rename", params={"name": call.name})


def _reinstate(do: Call, call: fx.ReinstateContainer) -> None:
    # First: without it nothing may be removed.
    found = do.request("GET", f"/containers/{quote(call.id)}/json").json()
    if found["Name"] != f"/{call.name}":
        if successor := _id_of(do, call.name):
            _remove(do, fx.RemoveContainer(successor))
        _rename(do, fx.RenameContainer(call.id, call.name))
    if not found["State"]["Running"]:
        _start(do, fx.StartContainer(call.id))


def _id_of(do: Call, name: str) -> str:
    found = do.inspect(name)
    # The engine also takes the beginning of another container's id for a name.
    return str(found["Id"]) if found and found["Name"] == f"/{name}" else ""


def _expect(do: Call, call: fx.ExpectContainer) -> None:
    there = _id_of(do, call.name)
    if there == call.id:
        return
    seen = f"container {call.id[:12]}" if call.id else "no such container"
    raise Drift(
        f"the container {call.name!r} is not the one that was planned for",
        why=f"planned: {seen}\nfound: {f'container {there[:12]}' if there else 'no such container'}",
        hint="someone changed the host since the plan was made: plan again",
        host=do.host,
    )


def _network(do: Call, call: fx.CreateNetwork) -> None:
    # Engines before 25 otherwise make a second network of the same name.
    do.request("POST", "/networks/create", body={**call.body, "CheckDuplicate": True})


def _volume(do: Call, call: fx.CreateVolume) -> None:
    do.request("POST", "/volumes/create", body=call.body)


CALLS: Mapping[type, Callable[[Call, Any], Any]] = {
    fx.ResolveDigest: docker_images.resolve,
    fx.PullImage: docker_images.pull,
    fx.CreateContainer: _create,
    fx.StartContainer: _start,
    fx.StopContainer: _stop,
    fx.RemoveContainer: _remove,
    fx.RenameContainer: _rename,
    fx.ReinstateContainer: _reinstate,
    fx.ExpectContainer: _expect,
    fx.CreateNetwork: _network,
    fx.CreateVolume: _volume,
}
"""Total over ApiCall; a test holds that."""
