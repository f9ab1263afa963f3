"""Weekly windows on a wall clock: when one is open, and when that changes. Pure."""
