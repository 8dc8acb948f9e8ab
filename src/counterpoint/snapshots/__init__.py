"""A day cuts time in two: what was known, and what came after. What churn and recommend share."""

from counterpoint.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
