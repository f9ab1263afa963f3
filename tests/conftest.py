"""Fixtures every test folder may use."""

pytest_plugins = ["switchbot_store.testing.fixtures"]
