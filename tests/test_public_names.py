"""The names that other people import. A change here is a change for them."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import switchbot_automation.errors

STORE = """
AsyncHomeStore AsyncLease AsyncStore Conflict DeviceHistory DeviceReading Document DocumentView Entry FailoverStore GatheringStore HistoryBackend
HistoryError HistoryResult HistorySample HistoryService HistorySpill HistoryStatus
HomeStore JsonStore Lease MemoryStore MigrationError PostgresHistory PostgresReadings PostgresStore
SlowConnectionError SqliteHistory SqliteReadings StoreClosedError StoreConfig StoreConfigError
StoreConflictError StoreDataError StoreError StoreInterface StoreStatus
StoreUnavailableError ThreadedHistory ThreadedStore VisitStore checked_home get_history get_store migrate
time_limit
"""
AUTOMATION = """
Action AuthError AutomationEngine AutomationError BacktestError BacktestReport
BadParameterError BrokerError Clock ClockSkewError CloudApi CloudError CloudServerError
CloudTimeoutError Command CommandResult CommandStatus Device DeviceList
DeviceOfflineError DeviceStatus EngineClosedError EngineThread Explanation
HubOfflineError ManualAction
Outcome PluginError QueueVersionError QuotaExhaustedError QuotaLedger RateLimitedError
Reason ReasonCode
Remote RuleActionError Scene SchedulerService SettingsChange SettingsError
SwitchBotClient SystemClock TickReport UnknownHomeError UnknownZoneError UnsupportedCommandError
WebhookConflictError WebhookError WebhookSender ZoneDecision backtest parse_settings
"""
PACKAGES = [("switchbot_store", STORE), ("switchbot_automation", AUTOMATION)]

# Where hosts, plug-ins and examples import from, beside the two packages themselves:
# whatever becomes of the modules behind them, these paths hand the names on.
KEPT = {
    "switchbot_automation.backtest": """
        BacktestError BacktestReport Figures LEAST_DAYS backtest""",
    "switchbot_automation.clock": "Clock SystemClock",
    "switchbot_automation.cloud": "QuotaLedger SwitchBotClient",
    "switchbot_automation.cloud.catalog": """
        CommandSpec DeviceType StatusField device_types find find_by_webhook_type
        is_idempotent is_infrared_id lookup validate_command""",
    "switchbot_automation.cloud.client": """
        DEFAULT_BASE_URL DEFAULT_IOT_BASE_URL SwitchBotClient""",
    "switchbot_automation.cloud.quota": "DAILY_LIMIT QuotaLedger Standing",
    "switchbot_automation.cloud.webhook": """
        RefusedWebhook WebhookEvent WebhookReceiver WebhookRefusal new_webhook_secret
        same_secret""",
    "switchbot_automation.engine": "AutomationEngine",
    "switchbot_automation.engine.events": """
        ClockJumped CommandHandled DecisionMade DeviceUnresponsive Event
        NextWakeupChanged QuotaLevelChanged RuleRan SafetyLevelChanged SettingsApplied
        SettingsRejected StoreDegraded StoreRecovered WebhookReceived""",
    "switchbot_automation.engine.scheduler": """
        Schedulable SchedulerService SchedulerStatus TRIGGER""",
    "switchbot_automation.engine.thread": "EngineThread OpenableEngine",
    "switchbot_automation.units": """
        CELSIUS FAHRENHEIT SYMBOLS UNITS degrees from_celsius measured_in measuring
        to_celsius unit_of
    """,
    "switchbot_automation.engine.webhook_sender": "WebhookSender mask_url",
    "switchbot_automation.errors": "AutomationError CloudError SettingsError",
    "switchbot_automation.model": """
        Action CloudApi Command CommandResult CommandStatus DEFAULT_ZONE Decision Device
        DeviceList DeviceStatus ManualAction NOTHING Outcome Power Reason ReasonCode
        Remote RungResult Scene TickReport Verdict ZoneDecision ZoneVerdict""",
    "switchbot_automation.plugins": """
        API_VERSION GROUPS Plugin PluginContext PluginPart QuotaView Registry registry""",
    "switchbot_automation.rules.model": """
        Action Condition DeviceEvent Home LATEST Look Rule RunMode Step Subject Trigger
        ZONE_ATTRIBUTES""",
    "switchbot_automation.settings": """
        SettingSpec check_settings parse_settings settings_table""",
    "switchbot_automation.simulation": """
        FakeSwitchBotCloud Fault Faults HouseParameters SimulatedClock SimulatedHome
        SimulationReport default_settings new_settings simulate""",
    "switchbot_automation.simulation.faults": """
        Call Fault Faults InjectedFault RefusedError""",
    "switchbot_automation.testing": """
        json_store memory_store postgres_store run_for simulated_clock switchbot_cloud
        switchbot_engine switchbot_home switchbot_settings""",
    "switchbot_automation.web": """
        RedactingAccessLogger create_app redacted_path serve""",
    "switchbot_store.backup": """
        Progress Readable RestorePlan Restored Source StoreSource back_up back_up_source
        plan_restore restore""",
    "switchbot_store.history.postgres": "PostgresHistory",
    "switchbot_store.ops": """
        CHECKS DatabaseObject Finding HealthReport IndexAdvice IndexRecommendation
        ObjectDetails QueryCost QueryPlan RefusedSqlError Schema SqlResult Status
        TopQueries analyze_db_health analyze_query_indexes analyze_workload_indexes
        execute_sql explain_query get_object_details get_top_queries list_objects
        list_schemas""",
    "switchbot_store.testing": """
        BlockingView HistoryContract PostgresServer StoreContract TcpProxy""",
    "switchbot_store.testing.fixtures": """
        database_url postgres_server postgres_server_factory""",
}


def names_for_types(path):
    """Return what a package imports for type checkers alone: name to module."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    block = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize(("package", "names"), PACKAGES)
def test_the_public_names_are_these(package, names):
    assert importlib.import_module(package).__all__ == names.split()


@pytest.mark.parametrize(("package", "names"), PACKAGES)
def test_every_public_name_can_be_imported(package, names):
    module = importlib.import_module(package)
    missing = [name for name in names.split() if getattr(module, name, None) is None]
    assert missing == []


@pytest.mark.parametrize(("package", "names"), PACKAGES)
def test_a_type_checker_sees_every_public_name_where_it_is_loaded_from(package, names):
    module = importlib.import_module(package)
    seen = names_for_types(module.__file__)
    loaded = set(seen) & set(names.split())
    assert loaded == set(module._HOMES)
    differing = [
        name
        for name, home in module._HOMES.items()
        if importlib.import_module(seen[name]).__dict__[name]
        is not getattr(importlib.import_module(f"{package}.{home}"), name)
    ]
    assert differing == []


@pytest.mark.parametrize("path", KEPT)
def test_a_path_that_others_import_from_has_the_names_it_had(path):
    module = importlib.import_module(path)
    missing = [name for name in KEPT[path].split() if not hasattr(module, name)]
    assert missing == []


def test_every_error_of_the_engine_is_a_public_name():
    errors = {
        name
        for name, member in inspect.getmembers(
            switchbot_automation.errors, inspect.isclass
        )
        if issubclass(member, switchbot_automation.AutomationError)
    }
    assert errors - set(switchbot_automation.__all__) == set()


def test_what_a_cloud_of_ones_own_takes_and_returns_is_a_public_name():
    named = {
        word
        for name, method in inspect.getmembers(
            switchbot_automation.CloudApi, inspect.isfunction
        )
        if not name.startswith("_")
        for word in re.findall(r"[A-Z]\w+", method.__annotations__["return"])
    }
    assert named == {"DeviceList", "DeviceStatus", "CommandResult", "Scene"}
    assert named <= set(switchbot_automation.__all__)


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
