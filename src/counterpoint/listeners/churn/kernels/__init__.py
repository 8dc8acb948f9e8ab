"""Loops that numpy has no word for: arrays in, arrays out."""
