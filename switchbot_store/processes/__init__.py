"""What a process has to itself, and what a forked child begins anew."""
