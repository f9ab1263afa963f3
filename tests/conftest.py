"""Fixtures every test folder may use."""

import pytest

# Before any is imported: a failed assertion in a contract shows its values.
pytest.register_assert_rewrite("switchbot_store.testing")

pytest_plugins = ["switchbot_store.testing.fixtures"]
