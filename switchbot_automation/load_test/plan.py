"""What a load test is told, and the place and the settings it makes of that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchbot_automation.errors import SettingsError
from switchbot_automation.load_test.faults import FaultPlan
from switchbot_automation.simulation import default_settings

if TYPE_CHECKING:
    from contextlib import AsyncExitStack
    from pathlib import Path

    from switchbot_store.testing import PostgresServer


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What is run. `store` is a PostgreSQL URL or ``json:DIRECTORY``; None starts a
    PostgreSQL of its own, the only one that `faults` may stop.
    """

    duration_seconds: float = 3600.0
    users: int = 10
    tick_interval_seconds: float = 30.0
    zones: int = 1
    store: str | None = None
    faults: FaultPlan = field(default_factory=FaultPlan)


def own_server(plan: LoadPlan, stack: AsyncExitStack) -> PostgresServer | None:
    """Start a PostgreSQL for the test where no store is given.

    Raises SettingsError where faults would stop somebody else's, or none can be started.
    """
    if plan.store is not None:
        if plan.faults.needs("database"):
            raise SettingsError(
                "faults of the database need one of its own: leave --store out"
            )
        return None
    try:
        from switchbot_store.testing import PostgresServer  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingsError(
            "a PostgreSQL of its own needs pip install 'switchbot-automation[testing]';"
            " or give --store"
        ) from error
    return stack.enter_context(PostgresServer(fsync=True))


def variables_of(
    plan: LoadPlan, server: PostgresServer | None, directory: Path
) -> dict[str, str]:
    """Return the environment of the process under load, where its store is concerned."""
    place = {
        "STORE_DIRECTORY": str(directory),
        "ENVIRONMENT": "",
        "STORE_BACKEND": "json",
    }
    url = server.url(server.create_database()) if server else plan.store or ""
    scheme, _, rest = url.partition(":")
    if scheme == "json" and rest:
        return {**place, "STORE_DIRECTORY": rest.removeprefix("//")}
    if scheme.partition("+")[0] not in {"postgres", "postgresql"}:
        raise SettingsError("--store takes postgresql://... or json:DIRECTORY")
    return {**place, "STORE_BACKEND": "postgres", "POSTGRES_URL": url}


def settings_of(plan: LoadPlan) -> dict[str, Any]:
    """Return settings that act at any hour, for so many zones. Raises SettingsError."""
    if plan.duration_seconds <= 0 or plan.tick_interval_seconds <= 0:
        raise SettingsError("the duration and the tick interval are more than 0 s")
    if plan.users < 0 or plan.zones < 1:
        raise SettingsError("0 users or more, 1 zone or more")
    every_day = {"days": [0, 1, 2, 3, 4, 5, 6]}
    document = default_settings("winter") | {
        "poll_interval_seconds": 15,
        "predictive_polling": False,
        "time_windows": [
            every_day | {"start": "00:00", "end": "12:00"},
            every_day | {"start": "12:00", "end": "00:00"},
        ],
    }
    if plan.zones > 1:
        document["zones"] = {
            "default": {},
            **{
                f"room-{number}": {
                    "meter_device_id": f"{number:012X}",
                    "aircon_device_id": f"02-202601010000-{number:08d}",
                }
                for number in range(1, plan.zones)
            },
        }
    return document
