"""Loops over sparse matrices, compiled: arrays in, arrays out."""
