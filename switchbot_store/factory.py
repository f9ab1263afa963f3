"""The history that a `StoreConfig` asks for.

`get_store`, `get_history`: what the environment asks for, opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from switchbot_store.arguments import no_setting
from switchbot_store.config import StoreConfig, accepted_backends, plugins
from switchbot_store.errors import StoreConfigError
from switchbot_store.files.places import is_absent
from switchbot_store.files.store import JsonStore
from switchbot_store.history.home import HomeBackend
from switchbot_store.history.ingest.spill import HistorySpill
from switchbot_store.history.readings.service import DeviceHistory
from switchbot_store.history.readings.sqlite import SqliteReadings
from switchbot_store.history.service import HistoryService
from switchbot_store.homes import HomeStore
from switchbot_store.interface import StoreInterface
from switchbot_store.languages import worded
from switchbot_store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from switchbot_store.history.model import HistoryBackend
    from switchbot_store.history.readings.model import ReadingBackend


FILE_NAME: Final = "history.sqlite3"
SPILL_NAME: Final = "history_spill.sqlite3"
READINGS_NAME: Final = "device_readings.sqlite3"
READINGS_SPILL_NAME: Final = "device_readings_spill.sqlite3"

_DEFAULT_BATCH_SIZE: Final = 4
_DEFAULT_FLUSH_SECONDS: Final = 60.0
_ECONOMY_BATCH_SIZE: Final = 1000
_ECONOMY_FLUSH_SECONDS: Final = 900.0
"""A scale-to-zero database sleeps after five minutes without a statement."""


def make_history(config: StoreConfig, *, creating: bool = True) -> HistoryService:
    """Return the history of a configuration, not opened.

    PostgreSQL keeps it in `state_history`; ``memory`` until it is closed; any other
    backend has it in the file ``history.sqlite3`` of the directory. Rows that cannot
    be written wait in ``history_spill.sqlite3`` there. What devices said goes beside: into
    `device_readings`, or the file ``device_readings.sqlite3``. `creating` as
    `make_backend` has it.

    Profile ``economy`` keeps each row on the local disk and carries them over every 15
    minutes, or 1000 rows, unless `history_flush_interval_seconds` or
    `history_batch_size` say otherwise.
    """
    spill = None
    if config.backend != "memory":
        spill = HistorySpill(config.directory / SPILL_NAME)
    batch_size = config.history_batch_size
    flush_seconds = config.history_flush_interval_seconds
    economy = config.profile == "economy"
    if economy and batch_size == _DEFAULT_BATCH_SIZE:
        batch_size = _ECONOMY_BATCH_SIZE
    if economy and flush_seconds == _DEFAULT_FLUSH_SECONDS:
        flush_seconds = _ECONOMY_FLUSH_SECONDS
    return HistoryService(
        make_backend(config, creating=creating),
        batch_size=batch_size,
        flush_interval_seconds=flush_seconds,
        spill=spill,
        journal=economy and spill is not None,
        retention_days=config.history_retention_days or None,
        readings=make_readings(
            config, flush_interval_seconds=flush_seconds, creating=creating
        ),
    )


def make_readings(
    config: StoreConfig,
    *,
    flush_interval_seconds: float = _DEFAULT_FLUSH_SECONDS,
    creating: bool = True,
) -> DeviceHistory:
    """Return where a configuration keeps what devices said, not opened.

    `creating` as `make_backend` has it.
    """
    retention_days = config.history_retention_days or None
    if config.backend == "memory":
        place: ReadingBackend = SqliteReadings(":memory:")
    elif config.backend == "postgres":
        place = _postgres_readings(config)
    else:
        file = config.directory / READINGS_NAME
        nowhere = not creating and is_absent(file)
        place = SqliteReadings(":memory:" if nowhere else file)
    spill = None
    if config.backend == "postgres":
        spill = SqliteReadings(config.directory / READINGS_SPILL_NAME, renewable=True)
    return DeviceHistory(
        place,
        spill=spill,
        flush_interval_seconds=flush_interval_seconds,
        retention_days=retention_days,
        home=config.home,
    )


def without_driver(error: ImportError) -> StoreConfigError:
    """Return what to raise where psycopg is wanted and cannot be imported."""
    return StoreConfigError(
        worded(
            "the driver of PostgreSQL cannot be imported; install "
            "switchbot-automation[postgres] ({error})",
            error=error,
        ),
        variable="STORE_BACKEND",
    )


def _postgres_readings(config: StoreConfig) -> ReadingBackend:
    try:
        from switchbot_store.history.postgres.readings import PostgresReadings  # noqa: PLC0415 - the driver only for who wants PostgreSQL
    except ImportError as error:
        raise without_driver(error) from error
    return PostgresReadings(config.conninfo, pooler=config.pooler)


def make_backend(
    config: StoreConfig, *, looking: bool = False, creating: bool = True
) -> HistoryBackend:
    """Return where a configuration keeps rows, not opened.

    With `looking` a file is only read, and left as it is. Without `creating` no file is
    made: where there is none there are no rows, which is no reason to leave one behind.
    """
    backend = _make_place(config, looking=looking, creating=creating)
    return backend if config.home is None else HomeBackend(backend, config.home)


def _make_place(
    config: StoreConfig, *, looking: bool, creating: bool
) -> HistoryBackend:
    if config.backend != "postgres":
        from switchbot_store.history.sqlite.store import SqliteHistory  # noqa: PLC0415 - another place for who wants PostgreSQL

        if config.backend == "memory":
            return SqliteHistory(":memory:")
        file = config.directory / FILE_NAME
        if not creating and is_absent(file):
            return SqliteHistory(":memory:")
        return SqliteHistory(file, looking=looking)
    try:
        from switchbot_store.history.postgres.store import PostgresHistory  # noqa: PLC0415 - the driver only for who wants PostgreSQL
    except ImportError as error:
        raise without_driver(error) from error
    return PostgresHistory(config.conninfo, pooler=config.pooler)


BACKEND_API_VERSION: Final = 1
"""What a plug-in of the group `switchbot_store.backends` says it was written for."""


def get_store(config: StoreConfig | None = None) -> StoreInterface:
    """Return an opened store; the caller closes it.

    `config` is read from the environment by default. PostgreSQL comes with a
    `FailoverStore` around it, which goes on in `directory` while it cannot be reached,
    unless `fallback` is ``refuse``.

    Raises StoreConfigError for a wrong variable, and for a password, user or database
    that the server refuses; StoreUnavailableError, MigrationError.
    """
    config = _given(config)
    build = _BUILDERS.get(config.backend, _plugin)
    store = build(config)
    return store if config.home is None else HomeStore(store, config.home)


def get_history(
    config: StoreConfig | None = None, *, creating: bool = True
) -> HistoryService:
    """Return an opened history, always with a place for an outage's rows.

    Like `get_store`; when PostgreSQL cannot be reached rows wait in the local spill.
    Without `creating`, for who only reads, no file is made where there is none. The
    caller closes it. Raises StoreConfigError, MigrationError.
    """
    return make_history(_given(config), creating=creating).open()


def _given(config: StoreConfig | None) -> StoreConfig:
    if config is None:
        return StoreConfig.from_env()
    if not isinstance(config, StoreConfig):
        raise no_setting("a StoreConfig", config, "config")
    return config


def _json(config: StoreConfig) -> StoreInterface:
    return JsonStore(config.directory, paths=config.paths).open()


def _memory(_config: StoreConfig) -> StoreInterface:
    return MemoryStore().open()


def _postgres(config: StoreConfig) -> StoreInterface:
    try:
        from switchbot_store.postgres.store import PostgresStore  # noqa: PLC0415 - the driver only for who wants PostgreSQL
    except ImportError as error:
        raise without_driver(error) from error
    refuse = config.fallback == "refuse"
    store: StoreInterface = PostgresStore(
        config.conninfo, pooler=config.pooler, patient=not refuse
    )
    if not refuse:
        from switchbot_store.failover.store import FailoverStore  # noqa: PLC0415 - a dozen modules that plain files do without

        store = FailoverStore(
            store,
            config.directory,
            profile=config.profile,
            paths=config.paths,
            strict_health_checks=config.strict_health_checks,
        )
    try:
        return store.open()
    except BaseException:
        store.close()
        raise


def _plugin(config: StoreConfig) -> StoreInterface:
    """Make a plug-in's store.

    Its entry point leads to a callable that takes the config and returns a store, or to
    an object with that as its `factory`, the `api_version` it was written for, and
    optionally a `schema`, which takes the config and returns what the factory takes.
    """
    plugin = plugins().get(config.backend)
    if plugin is None:
        raise StoreConfigError(
            worded(
                "there is no backend {backend!r}; accepted: {accepted_backends}",
                backend=config.backend,
                accepted_backends=accepted_backends(),
            ),
            variable="STORE_BACKEND",
        )
    try:
        store = _made(config, plugin.load())
    except ImportError as error:
        raise StoreConfigError(
            worded(
                "the backend {backend!r} of {plugin} cannot be imported: {error}",
                backend=config.backend,
                plugin=plugin.value,
                error=error,
            ),
            variable="STORE_BACKEND",
        ) from error
    if not isinstance(store, StoreInterface):
        raise StoreConfigError(
            worded(
                "the backend {backend!r} gave a {name}, which is no StoreInterface",
                backend=config.backend,
                name=type(store).__name__,
            ),
            variable="STORE_BACKEND",
        )
    return store.open()


def _made(config: StoreConfig, loaded: Any) -> object:
    factory = getattr(loaded, "factory", None)
    if factory is None:
        return loaded(config)
    version = getattr(loaded, "api_version", None)
    if version != BACKEND_API_VERSION:
        raise StoreConfigError(
            worded(
                "the backend {backend!r} was written for API version {version}; "
                "this is {backend_api_version}",
                backend=config.backend,
                version=version,
                backend_api_version=BACKEND_API_VERSION,
            ),
            variable="STORE_BACKEND",
        )
    schema = getattr(loaded, "schema", None)
    return factory(config if schema is None else schema(config))


_BUILDERS: Final[Mapping[str, Callable[[StoreConfig], StoreInterface]]] = {
    "json": _json,
    "memory": _memory,
    "postgres": _postgres,
}
