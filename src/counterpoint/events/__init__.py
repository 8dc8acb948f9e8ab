"""Every line of a log becomes an event or goes to quarantine, and the ledger says which."""
