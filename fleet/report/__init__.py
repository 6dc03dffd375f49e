"""Typed events and the only code that prints."""
