"""Every line of a log becomes an event or goes to quarantine, and the ledger says which."""

from counterpoint.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
