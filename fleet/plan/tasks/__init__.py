"""Host tasks against what was found: which changes a host needs, and which handlers."""
