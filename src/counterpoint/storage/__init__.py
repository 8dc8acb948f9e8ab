"""Tables and where they live: portable SQL and the engine that runs it, Parquet, atomic writes, the workspace."""
