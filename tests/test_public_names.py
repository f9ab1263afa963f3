"""The names that other people import. A change here is a change for them."""

import importlib

import pytest

STORE = """
AsyncLease AsyncStore Conflict Document DocumentView Entry FailoverStore HistoryBackend
HistoryError HistoryResult HistorySample HistoryService HistorySpill HistoryStatus
JsonStore Lease MemoryStore MigrationError PostgresHistory PostgresStore
SlowConnectionError SqliteHistory StoreClosedError StoreConfig StoreConfigError
StoreConflictError StoreDataError StoreError StoreInterface StoreStatus
StoreUnavailableError ThreadedHistory ThreadedStore get_history get_store migrate
time_limit
"""
AUTOMATION = """
Action AutomationEngine AutomationError Clock CloudApi CloudError Command CommandStatus
EngineThread Outcome ReasonCode SchedulerService SettingsError SwitchBotClient
SystemClock TickReport UnknownZoneError ZoneDecision
backtest
"""
PACKAGES = [("switchbot_store", STORE), ("switchbot_automation", AUTOMATION)]


@pytest.mark.parametrize(("package", "names"), PACKAGES)
def test_the_public_names_are_these(package, names):
    assert importlib.import_module(package).__all__ == names.split()


@pytest.mark.parametrize(("package", "names"), PACKAGES)
def test_every_public_name_can_be_imported(package, names):
    module = importlib.import_module(package)
    missing = [name for name in names.split() if getattr(module, name, None) is None]
    assert missing == []


@pytest.mark.parametrize("package", [package for package, _ in PACKAGES])
def test_an_unknown_name_is_named_in_the_error(package):
    with pytest.raises(AttributeError, match=f"{package}.*'nonsense'"):
        importlib.import_module(package).nonsense  # noqa: B018 - the access raises


@pytest.mark.parametrize(
    "package",
    [
        "switchbot_store.testing",
        "switchbot_automation.simulation",
    ],
)
def test_the_lazy_names_of_a_package_for_tests_can_be_imported(package):
    module = importlib.import_module(package)
    assert module.__all__ == sorted(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
