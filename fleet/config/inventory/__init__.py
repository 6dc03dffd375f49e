"""Ansible's inventory: files of one environment → hosts with their variables; patterns that pick hosts."""

from fleet.config.inventory.listing import to_list_json
from fleet.config.inventory.load import load_inventory
from fleet.config.inventory.patterns import limit, select

__all__ = ["limit", "load_inventory", "select", "to_list_json"]
