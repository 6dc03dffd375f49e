"""Facts that host tasks rest on: one probe per kind. Without tasks of the kind each prints nothing."""
