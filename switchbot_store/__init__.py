"""Durable documents and sensor history on PostgreSQL or local files."""
