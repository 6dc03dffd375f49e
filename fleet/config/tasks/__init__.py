"""``tasks.yml`` and ``handlers.yml`` of a role: Ansible's words for what is to be so on a host."""
