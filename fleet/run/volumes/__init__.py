"""Named volumes on their way to another host."""
