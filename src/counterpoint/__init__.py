"""Counterpoint: who is about to leave a music platform, and why."""

__version__ = "0.1.0"
