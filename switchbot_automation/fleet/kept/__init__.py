"""What a process keeps in memory of the many homes that it visits in turn, and how little."""
