"""Contract suites, doubles and a real PostgreSQL for tests."""
