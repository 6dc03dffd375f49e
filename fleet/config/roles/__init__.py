"""Roles: Compose files plus ``x-fleet`` → the services, networks and volumes of each host."""
