"""What a worker counts: over all homes, never one series a home.

Written as Prometheus reads it, by hand: its client with the server that comes with it would be
2 MB of each worker (https://prometheus.io/docs/instrumenting/exposition_formats/).
"""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_left
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from switchbot_automation.errors import SettingsError
from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from switchbot_automation.fleet.visit import Visit

_LATE: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
_STATEMENTS: Final = (2.0, 3.0, 4.0, 6.0, 10.0)
_PORTS: Final = 65536
_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_MOST_ASKING: Final = 16
_MOST_BYTES: Final = 8192
_PATIENCE_SECONDS: Final = 10.0


class FleetMetrics:
    """Counts the visits of one worker; as many series for one home as for a million.

    `text` has them: visits by how the home fared, seconds late, statements to the store,
    commands sent. Not thread-safe: it belongs to one event loop.

    >>> from switchbot_automation.fleet.metrics import FleetMetrics
    >>> print(FleetMetrics().text().splitlines()[-1])
    switchbot_fleet_statements_sum 0.0
    """

    def __init__(self) -> None:
        self._visits: Counter[str] = Counter()
        self._commands = 0
        self._late = _Histogram(_LATE)
        self._statements = _Histogram(_STATEMENTS)

    def take(self, visit: Visit) -> None:
        """Count one visit."""
        self._visits[visit.status] += 1
        self._commands += visit.commands
        self._late.observe(visit.late_seconds)
        self._statements.observe(visit.statements)

    def text(self) -> str:
        """Return all series as Prometheus reads them."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        name = "switchbot_fleet_visits_total"
        yield from _head(name, "counter", "Visits to homes, by how the home fared.")
        # What an engine's health says is a plain word.
        for status, count in sorted(self._visits.items()):
            yield f'{name}{{status="{status}"}} {float(count)}'
        name = "switchbot_fleet_commands_total"
        yield from _head(name, "counter", "Commands sent by visits.")
        yield f"{name} {float(self._commands)}"
        name = "switchbot_fleet_late_seconds"
        yield from _head(name, "histogram", "How late visits began.")
        yield from self._late.lines(name)
        name = "switchbot_fleet_statements"
        told = "Statements to the store that a visit took."
        yield from _head(name, "histogram", told)
        yield from self._statements.lines(name)


class _Histogram:
    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = (*bounds, math.inf)
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str) -> Iterator[str]:
        total = 0
        for bound, count in zip(self._bounds, self._counts, strict=True):
            total += count
            within = "+Inf" if bound == math.inf else bound
            yield f'{name}_bucket{{le="{within}"}} {float(total)}'
        yield f"{name}_count {float(total)}"
        yield f"{name}_sum {self._sum}"


def _head(name: str, kind: str, told: str) -> tuple[str, str]:
    return f"# HELP {name} {told}", f"# TYPE {name} {kind}"


@asynccontextmanager
async def serve_metrics(metrics: FleetMetrics, address: str) -> AsyncIterator[int]:
    """Serve them at ``HOST:PORT``, whatever the path, while the block runs; yield the port.

    Raises SettingsError for what is no address, OSError where it cannot be had.
    """
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) >= _PORTS:
        raise SettingsError(
            worded("{address!r} is no HOST:PORT", address=address), path="metrics"
        )
    asking: set[asyncio.StreamWriter] = set()

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            if len(asking) < _MOST_ASKING:
                asking.add(writer)
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    asked = await reader.readuntil(b"\r\n\r\n")
                    writer.write(_answered(asked.partition(b" ")[0], metrics))
                    await writer.drain()
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone, or is none who asks for this
        finally:
            asking.discard(writer)
            writer.close()

    server = await asyncio.start_server(
        answer, host.strip("[]") or "127.0.0.1", int(port), limit=_MOST_BYTES
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in asking:
            writer.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await server.wait_closed()


def _answered(method: bytes, metrics: FleetMetrics) -> bytes:
    if method not in {b"GET", b"HEAD"}:
        return b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    body = metrics.text().encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {_TYPE}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + (body if method == b"GET" else b"")
