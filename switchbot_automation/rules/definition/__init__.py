"""What a rule is, and how one is read from the settings. Pure."""
