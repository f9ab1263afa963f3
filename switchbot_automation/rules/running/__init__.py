"""Rules at work: what they look at, remember, and do."""
