"""Telling people and programs of a run: one file per kind of notifier."""
