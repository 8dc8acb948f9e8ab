"""Half A, listeners: raw logs become events, events become features, features become who will leave and why."""
