"""Changes of a host that its tasks want: one file per kind."""
