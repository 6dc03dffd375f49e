"""The use cases, one file each: what a task on the command line means."""
