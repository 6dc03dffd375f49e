"""A small web shop: orders go into PostgreSQL and through a Redis queue to a worker."""
