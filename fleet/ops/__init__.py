"""One frozen operation per kind of change: data that can be shown, compared and compiled to effects."""
