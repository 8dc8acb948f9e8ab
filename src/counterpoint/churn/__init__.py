"""Who is about to leave: a snapshot becomes a table, a table a model, a model a ranked list that was judged first."""

from counterpoint.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
