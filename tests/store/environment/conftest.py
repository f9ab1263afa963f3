"""An environment that says nothing of a store until a test does."""

import re

import pytest

from switchbot_store import config


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Set variables over an environment that says nothing of a store."""
    for name in variables_of_the_table() | {"PGHOSTADDR", "PGPORT", "PGSERVICE"}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path / "config"))

    def set_variables(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_variables


def variables_of_the_table():
    table = config.__doc__.split("=\n", 2)[1]
    return set(re.findall(r"``([A-Z_]{4,})``", table))
