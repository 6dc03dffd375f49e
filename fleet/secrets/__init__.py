"""Secret providers: from a reference to its value, on the controller, once per run."""

from fleet.secrets.resolve import resolve

__all__ = ["resolve"]
