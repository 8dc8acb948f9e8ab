"""A day cuts time in two: what was known, and what came after. What churn and recommend share."""
