"""Every key of the Compose Specification: carried out, or refused with the reason.

A level is the way to a mapping, with ``*`` for a name or an index. ``docs/compose.md`` is made from this
table (``python -m fleet.config.roles.reference``), and so are the messages about refused keys.
"""

from __future__ import annotations

from collections.abc import Mapping

Reasons = Mapping[str, str]

# What is carried out with a remark worth knowing; keys carried out plainly are those of the models.
REMARKS: Mapping[str, Reasons] = {
    "": {
        "configs": "single files; those of `x-fleet.config` are rendered, validated and reloaded",
        "include": "files of the role's directory",
        "services": "each runs on every host of the role",
        "version": "accepted and without meaning, as in Compose",
        "x-fleet": "see x-fleet.md",
    },
    "services.*": {
        "configs": "a change replaces the container; what can reload it goes to `x-fleet.config`",
        "cgroup": "`host` or `private`",
        "command": "text is split into words as Compose does; no shell",
        "container_name": "replaces `<project>-<env>-<role>-<service>-1`",
        "depends_on": "order within the role; every condition waits for the gate",
        "deploy": "the update and resource parts",
        "env_file": "relative to the role's directory",
        "environment": "a name without a value takes the inventory variable of that name",
        "extends": "a service of the same file or of another one in the role's directory",
        "labels": "no secrets, and none that begins with `fleet.`",
        "network_mode": "`host`, `none`, `bridge`, `container:<name>`",
        "networks": "without it the role's `default` network",
        "profiles": "on hosts whose variable `fleet_profiles` names one of them",
        "pull_policy": "`missing`, `always`, `never`",
        "secrets": "files below `/run/secrets`, kept in memory on the host",
        "security_opt": "`seccomp` only as `unconfined`",
        "tmpfs": "paths in the container, with options after `:`",
        "volumes": "absolute host paths and named volumes; the short form creates a missing host path",
        "x-fleet": "see x-fleet.md",
    },
    "include.*": {"path": "relative to the file that it stands in, as all paths are"},
    "services.*.extends": {"file": "relative to the file that it stands in; without it, that file"},
    "services.*.configs.*": {"target": "default: `/<source>`"},
    "services.*.deploy": {"replicas": "on each host of the role: the inventory says on how many hosts"},
    "services.*.deploy.update_config": {
        "parallelism": "hosts at once; 0 is all; `x-fleet.batches` says more",
        "monitor": "the gate's `healthy_for`",
    },
    "services.*.deploy.rollback_config": {"failure_action": "`pause` or `continue`"},
    "services.*.depends_on.*": {
        "condition": "`service_started`, `service_healthy`: both wait for the gate; for jobs see x-fleet.md",
        "required": "`false`: nothing is wrong when its profile keeps it away",
    },
    "services.*.deploy.resources.reservations": {"devices": "such as GPUs; the engine needs their driver"},
    "configs.*": {
        "content": "a template, as every text of the file",
        "environment": "the variable of the controller's environment",
        "file": "relative to the role's directory; text, taken as it is",
    },
    "networks.*": {"external": "only looked for, never created"},
    "volumes.*": {"external": "only looked for, never created"},
    "secrets.*": {
        "environment": "the variable of the controller's environment",
        "file": "relative to the role's directory; mode 0600",
        "x-fleet": "`value: !secret …`, any provider",
    },
}

_BUILD = "images are built before a deploy: build and push it, name it in `image`"
_SWARM = "this is Swarm's; Fleet runs each service on every host of the role"
_WINDOWS = "Windows only"
_EXTRA = "needs a newer engine than the oldest that Fleet supports (20.10)"

REFUSED: Mapping[str, Reasons] = {
    "": {
        "name": "names are `<fleet_project>-<env>-<role>`: set `fleet_project` in the inventory",
        "models": "language models are not run by Fleet",
    },
    "include.*": {
        "env_file": "variables come from the inventory and defaults.yml",
        "project_directory": "paths are relative to the file that they stand in",
    },
    "services.*": {
        "annotations": _EXTRA,
        "attach": "only matters to the output of `docker compose up`",
        "build": _BUILD,
        "cpu_count": _WINDOWS,
        "cpu_percent": _WINDOWS,
        "cpu_rt_period": "needs a real-time kernel; not carried out",
        "cpu_rt_runtime": "needs a real-time kernel; not carried out",
        "credential_spec": _WINDOWS,
        "develop": "is for development on one machine",
        "external_links": "give both services a common external network",
        "gpus": "say it in `deploy.resources.reservations.devices`",
        "isolation": _WINDOWS,
        "label_file": "write the labels in `labels`",
        "links": "services reach each other by name; another name goes to `networks.<name>.aliases`",
        "models": "language models are not run by Fleet",
        "platform": "the host's engine decides; pin the image by digest where that matters",
        "post_start": "not carried out yet; check the start with `x-fleet.gate`",
        "pre_stop": "a command before the stop goes to `x-fleet.pre_stop`",
        "provider": "is an extension point of the docker compose command",
        "pull_refresh_after": "use `pull_policy: always`; Fleet pulls by digest",
        "scale": "write deploy: {replicas: 2}: so many on each host of the role",
        "storage_opt": "depends on the engine's storage driver; not carried out",
        "use_api_socket": "mount /var/run/docker.sock in `volumes` if the service must rule the host",
        "volumes_from": "name the volumes in `volumes` of both services",
    },
    "services.*.deploy": {
        "endpoint_mode": _SWARM,
        "labels": "use the service's `labels`",
        "mode": _SWARM,
        "placement": "the inventory's groups say which hosts run a role",
        "restart_policy": "use the service's `restart`",
    },
    "services.*.deploy.resources.reservations": {
        "cpus": "Docker cannot reserve CPUs outside of Swarm: use `cpu_shares`",
        "generic_resources": _SWARM,
        "pids": "pids can only be limited: use `limits`",
    },
    "services.*.healthcheck": {"start_interval": _EXTRA},
    "services.*.networks.*": {
        "driver_opts": _EXTRA,
        "gw_priority": _EXTRA,
        "interface_name": _EXTRA,
    },
    "services.*.ports.*": {
        "app_protocol": "nothing reads it",
        "mode": _SWARM,
        "name": "nothing reads it",
    },
    "services.*.volumes.*": {
        "consistency": "has no effect on Linux",
        "image": _EXTRA,
    },
    "services.*.volumes.*.bind": {
        "recursive": _EXTRA,
        "selinux": "relabelling is not carried out: label the directory on the host",
    },
    "services.*.volumes.*.volume": {
        "labels": "write them at the top-level volume",
        "subpath": _EXTRA,
    },
    "networks.*": {"enable_ipv4": _EXTRA},
    "configs.*": {
        "external": _SWARM + "; use `file` or `content`",
        "labels": _SWARM,
        "name": _SWARM,
        "template_driver": _SWARM,
    },
    "secrets.*": {
        "driver": _SWARM,
        "driver_opts": _SWARM,
        "external": _SWARM + "; use `x-fleet: {value: !secret …}`",
        "labels": _SWARM,
        "name": _SWARM,
        "template_driver": _SWARM,
    },
}
