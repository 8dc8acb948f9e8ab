"""What was found about listeners, in words: results that a workspace keeps become findings, and findings a report."""
