"""What the engine says of itself: events, health, overview, history."""
