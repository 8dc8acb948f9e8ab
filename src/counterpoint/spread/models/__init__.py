"""Models of spreading are data: states, and what becomes of somebody in one state who meets somebody in another."""
