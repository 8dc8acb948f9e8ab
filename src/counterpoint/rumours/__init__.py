"""A network, a model of a rumour, and what comes of them: how it spreads, what an answer changes, where it began."""
