"""Ways to keep a room in its band, and what they learn. Pure."""
