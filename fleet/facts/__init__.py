"""What a host is asked: one probe per kind of fact, all of them fused into one script."""
