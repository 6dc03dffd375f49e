"""A fleet of real hosts in containers: each with its own sshd and Docker Engine."""
