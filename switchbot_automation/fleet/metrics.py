"""What a worker counts: over all homes, never one series a home."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from switchbot_automation.errors import SettingsError
from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchbot_automation.fleet.visit import Visit

_LATE: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)
_STATEMENTS: Final = (2, 3, 4, 6, 10)
_PORTS: Final = 65536


class FleetMetrics:
    """Counts the visits of one worker; as many series for one home as for a million.

    `registry` has them: visits by how the home fared, seconds late, statements to the
    store, commands sent.
    """

    def __init__(self) -> None:
        self.registry: CollectorRegistry = CollectorRegistry()
        self._visits = Counter(
            "switchbot_fleet_visits",
            "Visits to homes, by how the home fared.",
            ["status"],
            registry=self.registry,
        )
        self._commands = Counter(
            "switchbot_fleet_commands",
            "Commands sent by visits.",
            registry=self.registry,
        )
        self._late = Histogram(
            "switchbot_fleet_late_seconds",
            "How late visits began.",
            buckets=_LATE,
            registry=self.registry,
        )
        self._statements = Histogram(
            "switchbot_fleet_statements",
            "Statements to the store that a visit took.",
            buckets=_STATEMENTS,
            registry=self.registry,
        )

    def take(self, visit: Visit) -> None:
        """Count one visit."""
        self._visits.labels(visit.status).inc()
        self._commands.inc(visit.commands)
        self._late.observe(visit.late_seconds)
        self._statements.observe(visit.statements)


@contextmanager
def serve_metrics(metrics: FleetMetrics, address: str | None) -> Iterator[None]:
    """Serve them at ``HOST:PORT`` while the block runs; nowhere for None.

    Raises SettingsError for what is no address, OSError where it cannot be had.
    """
    if address is None:
        yield
        return
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) >= _PORTS:
        raise SettingsError(
            worded("{address!r} is no HOST:PORT", address=address), path="metrics"
        )
    server, thread = start_http_server(
        int(port), addr=host or "127.0.0.1", registry=metrics.registry
    )
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
