"""Sensor history: batching service and its PostgreSQL and SQLite backends."""
