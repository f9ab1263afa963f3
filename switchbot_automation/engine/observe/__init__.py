"""Reading the home: meters, units, surroundings, what was pushed."""
