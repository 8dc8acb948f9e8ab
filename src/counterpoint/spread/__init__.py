"""A network, a model of a rumour, and what comes of them: how it spreads, and what an answer to it changes."""
