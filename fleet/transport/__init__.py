"""Connections to hosts: the only code that imports paramiko, fabric and the Docker SDK."""
