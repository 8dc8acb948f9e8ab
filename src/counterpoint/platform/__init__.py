"""Where the halves meet: one report of all that a workspace holds."""
