"""Who started it: a snapshot of everybody's state, and the nodes it may have begun at, with probabilities."""
