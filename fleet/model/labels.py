"""The marks of ownership: what bears these labels is ours, and nothing else is ever removed."""

from __future__ import annotations

PROJECT = "fleet.project"
ENV = "fleet.env"
ROLE = "fleet.role"
SERVICE = "fleet.service"
INSTANCE = "fleet.instance"
"""Which instance of its service it is; the first has no such label."""
RELEASE = "fleet.release"
SPEC = "fleet.spec"
IMAGE = "fleet.image"
DEFINITION = "fleet.definition"
JOB = "fleet.job"
SNAPSHOT = "fleet.snapshot"
"""A volume that holds a snapshot, or was to: the name of the volume that it is of."""
COPY = "fleet.copy"
"""A helper that copies the volume of this name; no service of ours."""
