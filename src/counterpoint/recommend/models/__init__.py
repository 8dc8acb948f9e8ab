"""The recommenders, one file a kind of model."""
