"""Rows of sensor history: collected, kept for years, charted in milliseconds."""
