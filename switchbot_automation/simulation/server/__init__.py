"""The simulated cloud over HTTP on loopback."""
