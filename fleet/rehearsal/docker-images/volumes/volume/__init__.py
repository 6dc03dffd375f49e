"""The program of the helper image: named volumes are copied, compared and measured by it."""
