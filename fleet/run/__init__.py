"""Effects: gathering facts, carrying out a plan, watching gates, keeping the journal."""
