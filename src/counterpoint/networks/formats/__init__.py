"""One file a format: its bytes become edges between numbered nodes, and nothing of it is lost uncounted.

A new format is a file here and a row of `registry.FORMATS`.
"""
