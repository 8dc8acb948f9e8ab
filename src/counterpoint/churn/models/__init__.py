"""Models that learn who leaves: examples in, probabilities and exact additive reasons out; saved without pickle."""
