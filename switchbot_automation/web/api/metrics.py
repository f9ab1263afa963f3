"""`/metrics`: the same figures for Prometheus. Needs the extra `web`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from switchbot_automation.core.state.kept import STATUSES
from switchbot_automation.engine.tell.health import PRICE_LEVELS
from switchbot_automation.instants import parse_instant
from switchbot_automation.languages import worded
from switchbot_automation.web.api.health import health_of
from switchbot_automation.web.guard import RequestRefusedError
from switchbot_automation.web.request import site_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.core import Metric

    from switchbot_automation.web.live import Live

_PREFIX = "switchbot_automation_"
_LEVELS = ("normal", "saving", "critical", "exhausted")
_STATES = ("ok", "degraded", "error")


async def metrics(request: web.Request) -> web.Response:
    """Return every figure in Prometheus' text format."""
    site = site_of(request)
    try:
        # Loaded for who asks: the library is an extra.
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415
    except ImportError:
        raise RequestRefusedError(
            501, "not_installed", worded("pip install 'switchbot-automation[web]'")
        ) from None
    engine = site.engine
    figures = MetricFigures(
        await health_of(site),
        await engine.overview_in_turns(),
        site.live,
        engine.upkeep(),
    )
    return web.Response(
        body=generate_latest(figures),
        headers={"Content-Type": CONTENT_TYPE_LATEST},
    )


class MetricFigures:
    """A registry of one moment: nothing global, so two applications do not meet."""

    def __init__(
        self,
        health: dict[str, Any],
        overview: dict[str, Any],
        live: Live,
        upkeep: dict[str, Any],
    ) -> None:
        self._upkeep = upkeep
        self._health = health
        self._overview = overview
        self._live = live

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield from self._of_ticks()
        yield from self._of_zones()
        yield from self._of_upkeep()
        yield from self._of_quota()
        yield from self._of_storage()
        yield from self._of_counts()

    def _of_ticks(self) -> Iterator[Metric]:
        health, performance = self._health, self._health["performance"]
        if "home" in health:
            yield _gauge("home", "Which home it is.", {health["home"]: 1}, "home")
        yield _states("status", "How it fares.", _STATES, health["status"])
        yield _gauge("live", "Whether ticks come.", health["live"])
        yield _gauge("ready", "Whether it works.", health["ready"])
        yield _counter("ticks", "Ticks since the start.", performance["ticks"])
        for name, key in (
            ("last_tick_duration_seconds", "last_tick_duration_ms"),
            ("average_tick_duration_seconds", "avg_tick_duration_ms"),
        ):
            value = performance[key]
            if value is not None:
                text = "How long ticks take, the last and the last ten."
                yield _gauge(name, text, value / 1000)
        rate = performance["ticks_per_minute"]
        yield _gauge("ticks_per_minute", "Ticks in the last minutes.", rate)

    def _of_zones(self) -> Iterator[Metric]:
        texts = {
            "temperature": ("temperature_celsius", "The room's temperature."),
            "humidity": ("humidity_percent", "The room's humidity."),
        }
        zones = self._overview["zones"]
        for key, (name, text) in texts.items():
            known = {z["name"]: z[key] for z in zones if z[key] is not None}
            yield _gauge(name, text, known, "zone")
        for name, text, values in (
            (
                "sensor_stale",
                "Whether the meter does not answer.",
                {z["name"]: z["stale"] for z in zones},
            ),
            (
                "aircon_on",
                "Whether the unit is believed to run; absent where nobody knows.",
                {
                    z["name"]: z["power"] == "on"
                    for z in zones
                    if z["power"] != "unknown"
                },
            ),
            (
                "automation_enabled",
                "Whether the automation looks after the zone.",
                {z["name"]: z["enabled"] for z in zones},
            ),
            (
                "held",
                "Whether a person's command holds.",
                {z["name"]: z["hold_until"] is not None for z in zones},
            ),
            (
                "zone_errors",
                "Failures in a row.",
                {z["name"]: z["error_count"] for z in zones},
            ),
        ):
            yield _gauge(name, text, values, "zone")
        rooms = {name: zone["room"] for name, zone in self._health["zones"].items()}
        text = "Whether the room needs a person, see /healthz for the advice."
        needs = {name: bool(room["advice"]) for name, room in rooms.items()}
        yield _gauge("room_needs_attention", text, needs, "zone")
        text = "Meters of the zone that are not believed, see /healthz for why."
        doubts = {
            name: len(zone["doubted_meters"])
            for name, zone in self._health["zones"].items()
        }
        yield _gauge("doubted_meters", text, doubts, "zone")
        text = "Whether the room is kept."
        found = {name: room["status"] for name, room in rooms.items()}
        yield _states_of_zones("room_status", text, STATUSES, found)
        text = "When a room on its way back may be in its band; absent where unknown."
        back = {
            name: parse_instant(room["expected_back"]).timestamp()
            for name, room in rooms.items()
            if room["expected_back"] is not None
        }
        yield _gauge("room_expected_back_timestamp_seconds", text, back, "zone")
        priced = {
            name: zone["price"]
            for name, zone in self._health["zones"].items()
            if zone["price"] is not None
        }
        text = "What the price of energy asks of a zone that has one set."
        found = {name: price["level"] for name, price in priced.items()}
        yield _states_of_zones("price_level", text, PRICE_LEVELS, found)
        until = {
            name: parse_instant(price["until"]).timestamp()
            for name, price in priced.items()
            if price["until"] is not None
        }
        text = "When the price may ask for something else; absent while it is unknown."
        yield _gauge("price_level_until_timestamp_seconds", text, until, "zone")

    def _of_upkeep(self) -> Iterator[Metric]:
        devices, zones = self._upkeep["devices"], self._health["zones"]
        # What a zone counted stays on record; a series goes with the zone.
        units = [each for each in self._upkeep["units"] if each["zone"] in zones]
        for key, name, text in (
            ("battery", "battery_percent", "What a device said of its battery."),
            ("filter_used_hours", "filter_used_hours", "How long a filter was used."),
        ):
            known = {d["device_id"]: d[key] for d in devices if d[key] is not None}
            yield _gauge(name, text, known, "device")
        energy = {
            each["device_id"]: each["energy_wh"][max(each["energy_wh"])]
            for each in devices
            if each["energy_wh"]
        }
        text = "Energy of the newest day on which the device said some."
        yield _gauge("energy_of_day_watt_hours", text, energy, "device")
        needs = {each["device_id"]: bool(each["needs"]) for each in devices}
        text = "Whether a device needs a battery or a filter, by the settings."
        yield _gauge("device_needs_upkeep", text, needs, "device")
        for key, name, text in (
            ("running_hours", "unit_running_hours", "How long the unit ran in all."),
            (
                "hours_since_upkeep",
                "unit_hours_since_upkeep",
                "How long it ran since its filter was cleaned.",
            ),
            ("starts", "unit_starts", "How often the unit was started in all."),
        ):
            yield _gauge(
                name, text, {each["zone"]: each[key] for each in units}, "zone"
            )

    def _of_quota(self) -> Iterator[Metric]:
        quota = self._health["quota"]
        for key in ("used", "remaining", "limit", "reserve", "foreign"):
            if quota[key] is not None:
                text = "Calls to the cloud today, by what became of them."
                yield _gauge(f"quota_{key}", text, quota[key])
        yield _states("quota_level", "How scarce calls are.", _LEVELS, quota["level"])

    def _of_storage(self) -> Iterator[Metric]:
        store, history = self._health["store"], self._health["history"]
        yield _gauge("store_reachable", "Whether it answers.", store["reachable"])
        degraded = store["degraded_since"] is not None
        yield _gauge("store_degraded", "Whether it saves up writes.", degraded)
        yield _gauge("store_pending", "Writes it saved up.", store["pending"])
        for key in ("buffered", "spilled"):
            if key in history:
                text = "Rows that the history's place does not have yet."
                yield _gauge(f"history_{key}_rows", text, history[key])
        for key in ("written", "dropped", "quarantined"):
            if key in history:
                text = "Rows of history since the start."
                yield _counter(f"history_{key}_rows", text, history[key])

    def _of_counts(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - see above

        for family, text, labels in (
            ("decisions", "Decisions by outcome.", ("zone", "outcome")),
            (
                "commands",
                "Commands by how far they came.",
                ("zone", "action", "status"),
            ),
            ("webhooks", "Pushed events by what became of them.", ("result",)),
        ):
            metric = CounterMetricFamily(_PREFIX + family, text, labels=labels)
            for (name, *values), count in sorted(self._live.counts.items()):
                if name == family:
                    metric.add_metric(values, count)
            yield metric
        text = "Open streams of events."
        yield _gauge("event_listeners", text, self._live.listeners)
        text = "Listeners let go because they did not read."
        yield _counter("event_listeners_dropped", text, self._live.dropped)


def _gauge(
    name: str, text: str, value: float | dict[str, Any], label: str = ""
) -> Metric:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - see above

    if isinstance(value, dict):
        metric = GaugeMetricFamily(_PREFIX + name, text, labels=[label])
        for key, each in value.items():
            metric.add_metric([key], float(each))
        return metric
    return GaugeMetricFamily(_PREFIX + name, text, value=float(value))


def _states_of_zones(
    name: str, text: str, states: Sequence[str], found: dict[str, str]
) -> Metric:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - see above

    labels = ["zone", "state"]
    metric = GaugeMetricFamily(_PREFIX + name, text, labels=labels)
    for zone, state in found.items():
        for each in states:
            metric.add_metric([zone, each], float(each == state))
    return metric


def _counter(name: str, text: str, value: float) -> Metric:
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - see above

    return CounterMetricFamily(_PREFIX + name, text, value=float(value))


def _states(name: str, text: str, states: tuple[str, ...], state: str) -> Metric:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - see above

    metric = GaugeMetricFamily(_PREFIX + name, text, labels=["state"])
    for each in states:
        metric.add_metric([each], float(each == state))
    return metric
