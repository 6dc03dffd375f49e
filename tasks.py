"""Fleet's tasks for this project: ``inv --list`` names them."""

from fleet.tasks import ns

__all__ = ["ns"]
