"""Load balancers: what is asked of them, what they answer, and how they are told. Pure; one file a kind."""
