"""From the files an operator wrote to the model: positions, checks, every error at once."""
