"""Telling people and programs of a run: one file per kind of notifier."""

from fleet.notify.send import Failure, send

__all__ = ["Failure", "send"]
