"""What churn found, as Findings: the list at risk, evaluations, associations and cohorts."""
