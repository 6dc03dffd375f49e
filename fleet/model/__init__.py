"""Domain values: frozen, hashable, without behaviour that reaches outside."""
