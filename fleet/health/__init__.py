"""Health gates: what is sampled on a host, and the verdict over the samples."""
