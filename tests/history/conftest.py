import pytest

pytest.register_assert_rewrite("switchbot_store.testing.history_contract")
