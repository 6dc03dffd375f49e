"""The pure half's core: from what is wanted and what was found to a plan that is a value."""
