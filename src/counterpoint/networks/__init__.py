"""Who hears whom: a network is frozen sparse rows and the names of its nodes, however it was made or read."""

from counterpoint.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
