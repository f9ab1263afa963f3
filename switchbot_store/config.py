"""Every environment variable of the store, read in one place.

=============================================  =========================================
``STORE_BACKEND``                              ``json`` (default; alias ``filesystem``),
                                               ``postgres``, ``memory``, or a plug-in of
                                               entry-point group
                                               ``switchbot_store.backends``
``POSTGRES_URL``, ``DATABASE_URL``, ``PG*``    where PostgreSQL is; the first that is set
``POSTGRES_SSL_MODE``                          wins over the URL; default ``require``
                                               unless the host is local
``POSTGRES_SSL_ROOT_CERT``                     a file, or ``system``; turns the default
                                               into ``verify-full``
``POSTGRES_POOLER``                            ``transaction`` or ``none``; not set, it is
                                               found out at the first connection
``STORE_FALLBACK``                             ``json`` (default) or ``refuse``
``STORE_PROFILE``                              ``interactive`` (default) or ``economy``
``STORE_DIRECTORY``                            default ``config``
``SWITCHBOT_SETTINGS_PATH``                    the file of the document ``settings``
``SWITCHBOT_STATE_PATH``                       the file of the document ``state``
``HISTORY_BATCH_SIZE``                         rows, default 4
``HISTORY_FLUSH_INTERVAL``                     seconds, default 60
``HISTORY_RETENTION_DAYS``                     days of raw rows, default 400
``ENVIRONMENT``                                ``test`` uses only ``TEST_DATABASE_URL``
``TEST_DATABASE_URL``                          the database that tests may empty
``RUNNING_IN_DOCKER``                          ``localhost`` becomes the compose
                                               service's name
``STRICT_HEALTH_CHECKS``                       degraded counts as unhealthy
=============================================  =========================================

A variable that is empty counts as not set. In paths ``~`` is the user's home.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from switchbot_store.environment import Environment
from switchbot_store.errors import StoreConfigError
from switchbot_store.homes import checked_home
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

BACKENDS: Final = ("json", "postgres", "memory")
PLUGIN_GROUP: Final = "switchbot_store.backends"
_BACKEND_ALIASES: Final = {"filesystem": "json", "postgresql": "postgres"}
_FALLBACKS: Final = {"json": "json", "refuse": "refuse"}
_PROFILES: Final = {"interactive": "interactive", "economy": "economy"}
_POOLERS: Final = {"transaction": True, "none": False}


@dataclass(frozen=True, kw_only=True)
class StoreConfig:
    """What `get_store` and `get_history` need to know.

    `conninfo` is what libpq reads, password and all, and never shown. `pooler` tells
    whether a transaction pooler lies between, None to find that out. `home` is one home
    among many, whose documents and rows alone are seen; None for all there are.

    >>> from switchbot_store import StoreConfig
    >>> config = StoreConfig.from_env({"STORE_BACKEND": "filesystem"})
    >>> config.backend, str(config.directory), config.history_batch_size
    ('json', 'config', 4)
    """

    backend: str = "json"
    conninfo: str | None = field(default=None, repr=False)
    pooler: bool | None = None
    fallback: str = "json"
    profile: str = "interactive"
    directory: Path = Path("config")
    settings_path: Path | None = None
    state_path: Path | None = None
    history_batch_size: int = 4
    history_flush_interval_seconds: float = 60.0
    history_retention_days: int = 400
    environment: str = ""
    running_in_docker: bool = False
    strict_health_checks: bool = False
    home: str | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> StoreConfig:
        """Read the variables of `environ`, by default those of the process.

        Raises StoreConfigError naming the variable and what it accepts.
        """
        env = Environment(os.environ if environ is None else environ)
        backend = env.text("STORE_BACKEND", "json").lower()
        backend = _BACKEND_ALIASES.get(backend, backend)
        environment = env.text("ENVIRONMENT").lower()
        in_docker = env.boolean("RUNNING_IN_DOCKER")
        conninfo = None
        if backend == "postgres":
            conninfo = _conninfo(
                env, testing=environment == "test", in_docker=in_docker
            )
        elif backend not in BACKENDS and backend not in plugins():
            raise StoreConfigError(
                worded(
                    "STORE_BACKEND is {backend!r}; accepted: {accepted_backends}",
                    backend=backend,
                    accepted_backends=accepted_backends(),
                ),
                variable="STORE_BACKEND",
            )
        return cls(
            backend=backend,
            conninfo=conninfo,
            pooler=env.choice("POSTGRES_POOLER", _POOLERS, None),
            fallback=env.choice("STORE_FALLBACK", _FALLBACKS, "json"),
            profile=env.choice("STORE_PROFILE", _PROFILES, "interactive"),
            directory=env.path("STORE_DIRECTORY") or Path("config"),
            settings_path=env.path("SWITCHBOT_SETTINGS_PATH"),
            state_path=env.path("SWITCHBOT_STATE_PATH"),
            history_batch_size=env.whole_number("HISTORY_BATCH_SIZE", 4),
            history_flush_interval_seconds=env.number("HISTORY_FLUSH_INTERVAL", 60.0),
            history_retention_days=env.whole_number("HISTORY_RETENTION_DAYS", 400),
            environment=environment,
            running_in_docker=in_docker,
            strict_health_checks=env.boolean("STRICT_HEALTH_CHECKS"),
            home=_home(env.text("SWITCHBOT_HOME")),
        )

    @property
    def whole(self) -> StoreConfig:
        """Where all homes are, whatever home is chosen: for what is about the place."""
        return self if self.home is None else replace(self, home=None)

    @property
    def paths(self) -> dict[str, Path]:
        """The documents that have a file elsewhere than in `directory`."""
        paths = {"settings": self.settings_path, "state": self.state_path}
        return {key: path for key, path in paths.items() if path is not None}


def _home(name: str) -> str | None:
    if not name:
        return None
    try:
        return checked_home(name)
    except StoreConfigError as error:
        raise StoreConfigError(
            worded("SWITCHBOT_HOME: {error}", error=error), variable="SWITCHBOT_HOME"
        ) from error


def plugins() -> dict[str, EntryPoint]:
    """Return the installed backends of others by name."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import, rarely needed

    return {each.name: each for each in entry_points(group=PLUGIN_GROUP)}


def accepted_backends() -> str:
    """Return the names that `STORE_BACKEND` accepts here, for messages."""
    return ", ".join([*BACKENDS, *_BACKEND_ALIASES, *sorted(plugins())])


def _conninfo(env: Environment, *, testing: bool, in_docker: bool) -> str:
    try:
        from switchbot_store.postgres.location import conninfo_from  # noqa: PLC0415 - the driver only for who wants PostgreSQL
    except ImportError as error:
        raise StoreConfigError(
            worded(
                "STORE_BACKEND is 'postgres' and its driver cannot be imported; "
                "install switchbot-automation[postgres] ({error})",
                error=error,
            ),
            variable="STORE_BACKEND",
        ) from error
    return conninfo_from(env, testing=testing, in_docker=in_docker)
