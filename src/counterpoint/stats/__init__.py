"""No number without its interval and its count: what a prediction is worth, and how sure we can be of that."""

from counterpoint.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
