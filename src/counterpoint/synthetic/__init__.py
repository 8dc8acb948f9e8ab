"""An INVENTED platform, with the truth beside it: for tests and demos, never evidence about people."""

from counterpoint.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
