"""What importing each package costs: measured in fresh interpreters."""

import subprocess
import sys

import pytest

REPORT = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"{{name}} is blocked", name=name)
sys.meta_path.insert(0, Refuse())
{statement}
print(*sorted(m for m in sys.modules if m.partition(".")[0] in {reported!r}))
"""


def modules_after(statement, *, blocked=(), reported=()):
    program = REPORT.format(
        statement=statement, blocked=set(blocked), reported=set(reported)
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_store_needs_nothing_of_automation():
    others = {"aiohttp", "voluptuous", "switchbot_automation"}
    assert (
        modules_after("import switchbot_store", blocked=others, reported=others) == []
    )


def test_every_public_name_of_the_store_loads_without_aiohttp_and_voluptuous():
    statement = "import switchbot_store\nfrom switchbot_store import *"
    modules_after(statement, blocked={"aiohttp", "voluptuous", "switchbot_automation"})


def test_importing_the_store_does_not_import_a_database_driver():
    drivers = {"psycopg", "psycopg_pool", "psycopg_binary", "sqlite3"}
    assert modules_after("import switchbot_store", reported=drivers) == []


@pytest.mark.parametrize("use", ["JsonStore('d')", "MemoryStore()"])
def test_a_local_store_works_where_no_database_driver_is_installed(use, tmp_path):
    statement = f"import os; os.chdir({str(tmp_path)!r})\n"
    statement += f"import switchbot_store\nwith switchbot_store.{use} as store:\n"
    statement += "    store.set('settings', {'a': 1})\n"
    statement += "    assert store.get('settings') == {'a': 1}"
    modules_after(statement, blocked={"psycopg", "psycopg_pool"})


def test_a_contract_without_its_library_says_what_to_install():
    statement = """import switchbot_store.testing as testing
try:
    testing.StoreContract
except ModuleNotFoundError as error:
    assert "switchbot-automation[contracts]" in str(error), error
else:
    raise AssertionError"""
    modules_after(statement, blocked={"hypothesis"})


def test_importing_the_engine_does_not_import_what_only_some_users_need():
    some = {"psycopg", "psycopg_pool", "matplotlib", "click", "rich", "pytest"}
    statement = "import switchbot_automation.engine"
    assert modules_after(statement, reported=some) == []


def test_a_document_has_the_schema_of_its_own_parts_made_and_no_other():
    """Of all forty parts that a document may have it is 0.6 MB, kept for good."""
    statement = """from switchbot_automation import parse_settings
from switchbot_automation.settings import read
parse_settings({
    "meter_device_id": "C00000000001",
    "winter": {"min_temp": 20, "max_temp": 22, "target_temp": 23},
    "time_windows": [{"days": [0], "start": "06:00", "end": "23:00"}],
})
assert 0 < read._schema.cache_info().currsize <= 6, read._schema.cache_info()"""
    modules_after(statement)
