# A real PostgreSQL for those examples that need one.
pytest_plugins = ["switchbot_store.testing.fixtures"]
