"""Customers of a rehearsal's shop: every kind of client at once, and what became of every request."""
