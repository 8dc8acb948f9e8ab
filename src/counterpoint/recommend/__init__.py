"""What should each listener hear next: ratings from a log, recommenders that know songs by who hears them."""

from counterpoint.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
