"""Commanding: the one place through which anything reaches a unit."""
