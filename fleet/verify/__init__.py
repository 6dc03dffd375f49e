"""The half of a role's tests that runs in pytest's own process, and asks Fleet for all that it needs."""
