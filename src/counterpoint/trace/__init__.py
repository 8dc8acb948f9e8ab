"""Who started it: a snapshot of everybody's state, and the nodes it may have begun at, with probabilities."""

from counterpoint.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
