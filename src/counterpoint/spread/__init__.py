"""A network, a model of a rumour, and what comes of them: how it spreads, and what an answer to it changes."""

from counterpoint.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
