"""An application that finds its peers by environment still does."""

from __future__ import annotations

import pytest

from fleet.config.inventory import load_inventory
from fleet.config.project import load_desired, open_project
from fleet.errors import ConfigErrors
from fleet.model.desired import Desired
from tests.unit.config.roles.project_files import Files

INVENTORY = """\
all:
  children:
    database: {hosts: {db-1: {ansible_host: 10.0.0.5}, db.two: {ansible_host: 10.0.0.6}}}
    web: {hosts: {web-1: {ansible_host: 10.0.0.1}, web-2: {ansible_host: 10.0.0.2}}}
"""
WEB = """\
x-fleet: {needs: [database]}
services:
  app:
    image: "registry.example:5000/shop:{{ version }}"
    ports: ["8001:8000", "9000"]
    depends_on: [redis-cache]
    environment: {DOCKER_TAG: mine}
    x-fleet: {guest_environment: true}
  redis-cache:
    image: redis
    deploy: {replicas: "{{ 2 if inventory_hostname == 'web-1' else 1 }}"}
    ports: ["6379-6380:6379"]
  other: {image: other, ports: ["70:70"]}
"""
DATABASE = """\
services:
  postgres:
    image: postgres
    ports: ["{{ 5432 if inventory_hostname == 'db-1' else 5433 }}:5432"]
"""


@pytest.fixture
def shop(files: Files) -> Files:
    files.write("inventories/test/hosts.yml", INVENTORY)
    files.compose(WEB)
    files.compose(DATABASE, "database")
    return files


def only(files: Files, name: str) -> Desired:
    """What one host is to run, as with ``--limit``."""
    inventory = load_inventory(files.root, "test")
    return load_desired(open_project(files.root, inventory), inventory, [inventory.hosts[name]], "v1")


def environment(files: Files, service: str = "app", host: str = "web-1") -> dict[str, str]:
    (state,) = only(files, host).hosts
    (one,) = (one for one in state.services if one.name == service)
    return {name: str(value) for name, value in one.container.environment}


def test_peers_on_all_hosts_and_who_one_is(shop: Files) -> None:
    assert environment(shop) == {
        "MAESTRO_ENVIRONMENT_NAME": "test",
        "SERVICE_NAME": "app",
        "CONTAINER_NAME": "web-1",
        "CONTAINER_HOST_ADDRESS": "10.0.0.1",
        "DOCKER_IMAGE": "registry.example:5000/shop:v1",
        "DOCKER_TAG": "mine",
        "APP_INSTANCES": "web-1,web-2",
        "APP_WEB_1_HOST": "10.0.0.1",
        "APP_WEB_1_8000_PORT": "8001",
        "APP_WEB_1_8000_INTERNAL_PORT": "8000",
        "APP_WEB_1_9000_INTERNAL_PORT": "9000",
        "APP_WEB_2_HOST": "10.0.0.2",
        "APP_WEB_2_8000_PORT": "8001",
        "APP_WEB_2_8000_INTERNAL_PORT": "8000",
        "APP_WEB_2_9000_INTERNAL_PORT": "9000",
        "REDIS_CACHE_INSTANCES": "web-1,web-1-2,web-2",
        "REDIS_CACHE_WEB_1_HOST": "10.0.0.1",
        "REDIS_CACHE_WEB_1_6379_PORT": "6379",
        "REDIS_CACHE_WEB_1_2_HOST": "10.0.0.1",
        "REDIS_CACHE_WEB_1_2_6379_PORT": "6380",
        "REDIS_CACHE_WEB_2_HOST": "10.0.0.2",
        "REDIS_CACHE_WEB_2_6379_PORT": "6379",
        "POSTGRES_INSTANCES": "db-1,db.two",
        "POSTGRES_DB_1_HOST": "10.0.0.5",
        "POSTGRES_DB_1_5432_PORT": "5432",
        "POSTGRES_DB_TWO_HOST": "10.0.0.6",
        "POSTGRES_DB_TWO_5432_PORT": "5433",
    }
    assert environment(shop, "other") == {}


def test_an_instance_knows_which_it_is(shop: Files) -> None:
    shop.compose("services: {app: {image: x, deploy: {replicas: 2}, x-fleet: {guest_environment: true}}}\n")
    assert environment(shop, "app-2")["CONTAINER_NAME"] == "web-1-2"
    assert environment(shop, "app-2")["SERVICE_NAME"] == "app"


def test_where_a_slot_decides_nobody_knows_the_port(shop: Files) -> None:
    pair = "x-fleet: {port_pair: {5432: [5432, 5439]}}"
    shop.compose(f"services: {{postgres: {{image: x, ports: ['5432:5432'], {pair}}}}}\n", "database")
    found = environment(shop)
    assert "POSTGRES_DB_1_HOST" in found
    assert not [name for name in found if name.startswith("POSTGRES") and name.endswith("_PORT")]


def test_two_services_of_one_name(shop: Files) -> None:
    shop.compose(DATABASE.replace("postgres", "redis-cache"), "database")
    with pytest.raises(ConfigErrors, match="database and web have a service 'redis-cache'"):
        environment(shop)


def test_mistakes_of_needed_roles_are_told_once(shop: Files) -> None:
    shop.compose(DATABASE.replace("5432 if", "nope if"), "database")
    with pytest.raises(ConfigErrors) as caught:
        shop.desired()
    assert str(caught.value).count("the variable 'nope' is undefined") == 1
