"""Upkeep at work: what a home's devices say is kept, told once, and in the history."""

from copy import deepcopy
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation import AutomationEngine
from switchbot_automation.simulation import SimulatedHome, default_settings
from switchbot_store import (
    DeviceHistory,
    HistoryService,
    MemoryStore,
    SqliteHistory,
    SqliteReadings,
)


class Told:
    def __init__(self):
        self.messages, self.broken = [], False

    async def notify(self, message, title=None):
        if self.broken:
            raise ConnectionError("no")
        self.messages.append((title, message))


class Kept:
    """A home over weeks: its store, history and notifier outlive its engines."""

    def __init__(self):
        self.home = SimulatedHome(season="winter")
        self.clock = self.home.clock
        self.store = MemoryStore(now=self.clock.now)
        self.told = Told()
        self.events = []
        self.readings = DeviceHistory(
            SqliteReadings(":memory:"),
            now=self.clock.now,
            monotonic=self.clock.monotonic,
        )
        self.history = HistoryService(
            SqliteHistory(":memory:"), now=self.clock.now, readings=self.readings
        )

    def settings(self, **more):
        document = deepcopy(default_settings("winter")) | more
        self.store.set("settings", document)

    def engine(self):
        engine = AutomationEngine(
            self.home,
            self.store,
            history=self.history,
            clock=self.clock,
            notifier=self.told,
        )
        engine.subscribe(
            lambda event: (
                self.events.append(event) if event.kind == "upkeep_notice" else None
            )
        )
        return engine

    async def live(self, engine, hours):
        until = self.clock.now() + timedelta(hours=hours)
        while engine.next_wakeup <= until:
            self.clock.advance_to(max(engine.next_wakeup, self.clock.now()))
            await engine.run_once()
        self.clock.advance_to(until)


@pytest.fixture
def kept():
    kept = Kept()
    yield kept
    kept.history.close()


async def test_hours_starts_and_readings_are_kept(kept):
    kept.settings()
    async with kept.engine() as engine:
        await kept.live(engine, 12)
        report = engine.upkeep()
        (unit,) = report["units"]
        assert unit["zone"] == "default"
        assert unit["starts"] >= 1
        assert 0 < unit["running_hours"] <= 12
        assert sum(unit["running_hours_by_day"].values()) == pytest.approx(
            unit["running_hours"], abs=0.1
        )
        assert [each["battery"] for each in report["devices"]] == [87]
        device = report["devices"][0]["device_id"]
    names = {(row.device_id, row.attribute) for row in kept.readings.latest()}
    assert {(device, "temperature"), (device, "humidity")} <= names
    until = kept.clock.now()
    found = kept.readings.query(
        until - timedelta(hours=12), until, device, "temperature", bucket="hour"
    )
    assert len(found.rows) >= 12
    assert kept.told.messages == []
    rows = kept.history.latest(500)
    assert {row.zone for row in rows} == {"default"}, "rows of zones are as they were"


@pytest.mark.parametrize("timezone", ["Pacific/Kiritimati", "America/Los_Angeles"])
async def test_a_day_of_the_book_begins_at_the_midnight_of_the_home(kept, timezone):
    always = [{"days": list(range(7)), "start": "00:00", "end": "23:59"}]
    kept.settings(timezone=timezone, time_windows=always)
    home = ZoneInfo(timezone)
    first = kept.clock.now().astimezone(home).date()
    second = first + timedelta(days=1)
    midnight = datetime.combine(second, time(), home).astimezone(UTC)
    hours = (midnight - kept.clock.now()).total_seconds() / 3600
    async with kept.engine() as engine:

        def days():
            (unit,) = engine.upkeep()["units"]
            return [*unit["running_hours_by_day"]]

        await kept.live(engine, hours - 0.01)
        assert days() == [first.isoformat()]
        await kept.live(engine, 12)
        assert days() == [first.isoformat(), second.isoformat()]


async def test_a_low_battery_is_told_once_over_restarts(kept):
    kept.settings(battery_below=90)
    async with kept.engine() as engine:
        await kept.live(engine, 1)
        assert engine.upkeep()["devices"][0]["needs"] == ["battery"]
    ((title, text),) = kept.told.messages
    assert "battery low" in title
    assert "87 %" in text
    (event,) = kept.events
    assert (event.what, event.value, event.limit) == ("battery", 87, 90)
    async with kept.engine() as engine:
        await kept.live(engine, 2)
    assert len(kept.told.messages) == 1


async def test_a_notice_that_cannot_be_delivered_is_tried_again(kept):
    kept.settings(battery_below=90)
    kept.told.broken = True
    async with kept.engine() as engine:
        await kept.live(engine, 1)
        assert kept.events == []
        kept.told.broken = False
        await kept.live(engine, 1)
    assert len(kept.told.messages) == len(kept.events) == 1


async def test_a_filter_is_told_until_it_was_done(kept):
    kept.settings(filter_after_hours=1)
    async with kept.engine() as engine:
        await kept.live(engine, 24)
        assert [title for title, _ in kept.told.messages] == [
            "default: clean the filter"
        ]
        assert engine.upkeep()["units"][0]["needs"] == ["filter"]
        assert await engine.upkeep_done("default")
        assert not await engine.upkeep_done("nobody")
        assert engine.upkeep()["units"][0]["hours_since_upkeep"] == 0
    async with kept.engine() as engine:
        await kept.live(engine, 24)
    assert len(kept.told.messages) == 2


async def test_nothing_is_told_by_default_and_in_the_language_of_the_settings(kept):
    kept.settings()
    async with kept.engine() as engine:
        await kept.live(engine, 1)
    assert kept.told.messages == []
    kept.settings(battery_below=90, language="de")
    async with kept.engine() as engine:
        await kept.live(engine, 1)
    ((title, _),) = kept.told.messages
    assert "Batterie" in title


async def test_a_history_that_takes_no_readings_keeps_nobody_from_work(kept):
    await_error = ConnectionError("gone")

    class RowsAlone:
        async def record(self, sample):
            """Take a row."""

        async def record_readings(self, readings):
            raise await_error

    kept.settings()
    kept.history.close()
    kept.history = RowsAlone()
    kept.history.close = lambda: None
    async with kept.engine() as engine:
        await kept.live(engine, 1)
        assert engine.upkeep()["devices"]


async def test_what_a_meter_pushes_is_kept_too(kept):
    kept.settings()
    async with kept.engine() as engine:
        await engine.run_once()
        device = engine.upkeep()["devices"][0]["device_id"]
        kept.clock.advance(60)
        context = {
            "deviceType": "WoMeter",
            "deviceMac": device,
            "temperature": 19.3,
            "humidity": 41,
            "battery": 42,
            "scale": "CELSIUS",
            "timeOfSample": round(kept.clock.now().timestamp() * 1000),
        }
        payload = {"eventType": "changeReport", "eventVersion": "1", "context": context}
        await engine.handle_webhook(payload)
        stranger = payload | {"context": context | {"deviceMac": "D0D0D0D0D0D0"}}
        await engine.handle_webhook(stranger)
        assert [each["device_id"] for each in engine.upkeep()["devices"]] == [device]
        assert engine.upkeep()["devices"][0]["battery"] == 42
        await engine.run_once("manual")
    rows = kept.readings.query(
        kept.clock.now() - timedelta(minutes=1),
        kept.clock.now() + timedelta(minutes=5),
        device,
        "temperature",
    ).rows
    assert 19.3 in [row.value for row in rows]
