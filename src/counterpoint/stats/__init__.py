"""No number without its interval and its count: what a prediction is worth, and how sure we can be of that."""
