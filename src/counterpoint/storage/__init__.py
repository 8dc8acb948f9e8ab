"""Tables and where they live: portable SQL and the engine that runs it, Parquet, atomic writes, the workspace."""

from counterpoint.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
