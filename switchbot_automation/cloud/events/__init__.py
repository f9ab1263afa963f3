"""What the cloud pushes, and what it says later of commands it accepted."""
