"""One tick, one straight line: observe, decide, gate, act, record."""
