"""Compiled loops: arrays in, arrays out, and every random number keyed by seed, run, step and node."""
