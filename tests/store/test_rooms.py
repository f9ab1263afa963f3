"""The names that packages hand on, which load on first use."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import switchbot_store

PACKAGES = [
    "switchbot_store",
    *(
        each.name
        for each in pkgutil.walk_packages(switchbot_store.__path__, "switchbot_store.")
        if each.ispkg
    ),
]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_that_a_package_promises_is_there(package):
    module = importlib.import_module(package)
    names = getattr(module, "__all__", [])
    assert [name for name in names if not hasattr(module, name)] == []
    with pytest.raises(AttributeError, match=f"{package}.*no_such_name"):
        module.no_such_name  # noqa: B018 - asked for on purpose


def test_only_who_asks_for_postgresql_loads_its_driver():
    apart = {"ops", "cli", "testing"}
    rooms = [each for each in PACKAGES if apart.isdisjoint(each.split("."))]
    code = f"import sys, {', '.join(rooms)}; print('psycopg' in sys.modules)"
    code += "; switchbot_store.postgres.PostgresStore; print('psycopg' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
