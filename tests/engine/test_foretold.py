"""Prices of the hours to come, from a plug-in or a host: used while known, else harmless."""

import asyncio
from datetime import timedelta

import pytest

from switchbot_automation import AutomationEngine
from switchbot_automation.core.state.zone import Surroundings
from switchbot_automation.instants import encode_instant
from switchbot_automation.plugins import API_VERSION, Plugin, registry
from switchbot_automation.series import Series
from switchbot_automation.simulation import SimulatedClock, SimulatedHome
from switchbot_store import MemoryStore

HOUR = timedelta(hours=1)
ROOM = {
    "automation_enabled": True,
    "timezone": "UTC",
    "mode": "winter",
    "control": "auto",
    "winter": {"min_temp": 20.0, "max_temp": 23.0, "target_temp": 22.0},
    "time_windows": [{"days": list(range(7)), "start": "00:00", "end": "00:00"}],
    "meter_device_id": "C271111EC0AB",
    "aircon_device_id": "02-202008110034-13",
}
PLUGGED = ROOM | {
    "plugins": {"market": {"series": "exchange"}},
    "price": {"source": "market"},
}
TOLD = ROOM | {"price": {"source": "host"}}
WHOLE, UPPER, LOWER = (20.0, 23.0), (21.5, 23.0), (20.0, 21.5)


def dear_from(begin, hours=6):
    """Return prices that are low for the six hours before an instant, and high after it."""
    points = ((begin - 6 * HOUR, 0.1), (begin, 0.4))
    return Series(points, ends=begin + hours * HOUR, issued_at=begin - 6 * HOUR)


class Exchange:
    """A plug-in's series: `says` is returned, raised or waited for."""

    def __init__(self):
        self.says = None
        self.asked = 0

    async def read(self):
        self.asked += 1
        if isinstance(self.says, Exception):
            raise self.says
        if self.says == "never":
            await asyncio.Event().wait()
        return self.says


@pytest.fixture
def exchange():
    registry.cache_clear()
    made = Exchange()
    registry().add("series", "exchange", Plugin(dict, lambda _: made, API_VERSION))
    yield made
    registry.cache_clear()


@pytest.fixture
def living():
    """Return what opens an engine over settings, and its clock."""
    clock = SimulatedClock()

    def opened(document):
        store = MemoryStore(now=clock.now)
        store.set("settings", document)
        return AutomationEngine(SimulatedHome(clock), store, clock=clock)

    return opened, clock


def band(engine):
    found = engine.overview()["zones"][0]["band"]
    return found["low"], found["high"]


async def test_a_plugins_prices_move_the_room_within_its_band(exchange, living):
    opened, clock = living
    exchange.says = dear_from(clock.now() + 90 * timedelta(minutes=1))
    async with opened(PLUGGED) as engine:
        report = await engine.run_once()
        assert "price_stores" in {each.code for each in report.decisions[0].reasons}
        assert band(engine) == UPPER
        assert engine.overview()["zones"][0]["wanted"] == {"low": 20.0, "high": 23.0}
        clock.advance(91 * 60)
        await engine.run_once()
        assert band(engine) == LOWER
        clock.advance(6 * 3600)
        await engine.run_once()
        assert band(engine) == WHOLE


async def test_it_is_read_once_an_hour_and_told_of_in_health(exchange, living):
    opened, clock = living
    exchange.says = dear_from(clock.now() + HOUR)
    async with opened(PLUGGED) as engine:
        for _ in range(4):
            await engine.run_once()
            clock.advance(15 * 60)
        assert exchange.asked == 1
        await engine.run_once()
        assert exchange.asked == 2
        known = (await engine.health())["plugins"]["series"]["market"]
        assert known["now"] == 0.4
        assert known["problem"] is None
        assert known["known_until"] > known["issued_at"]


@pytest.mark.parametrize(
    "says",
    [OSError("no route"), None, [(1, 2)], ValueError("nan is no price")],
    ids=["away", "nothing", "a list", "refused"],
)
async def test_a_plugin_that_fails_changes_nothing_and_is_tried_again(
    exchange, living, says
):
    opened, clock = living
    exchange.says = says
    async with opened(PLUGGED) as engine, opened(ROOM) as plain:
        found, without = await engine.run_once(), await plain.run_once()
        assert found.outcome == without.outcome
        assert band(engine) == WHOLE
        health = await engine.health()
        assert health["plugins"]["series"]["market"]["problem"]
        # Who does not ask of them hears all else, and nothing is loaded for it.
        assert await engine.health(plugins=False) == health | {"plugins": {}}
        exchange.says = dear_from(clock.now() + HOUR)
        clock.advance(15 * 60)
        await engine.run_once()
        assert band(engine) == UPPER
        exchange.says = says
        clock.advance(3600)
        await engine.run_once()
        assert band(engine) == LOWER


async def test_a_plugin_that_never_answers_holds_no_room_up(
    exchange, living, monkeypatch
):
    monkeypatch.setattr(
        "switchbot_automation.engine.observe.foretold._READ_SECONDS", 0.0
    )
    opened, _ = living
    exchange.says = "never"
    async with opened(PLUGGED) as engine:
        await engine.run_once()
        assert band(engine) == WHOLE
        series = (await engine.health())["plugins"]["series"]
        assert series["market"]["problem"] == "TimeoutError"


async def test_health_and_overview_say_what_the_price_asks_for_and_until_when(living):
    opened, clock = living
    begin = clock.now() + HOUR

    async def told(engine):
        await engine.run_once()
        health = await engine.health()
        found = engine.overview()["zones"][0]["price"]
        assert health["zones"]["default"]["price"] == found
        return found["level"], found["until"], health["status"]

    async with opened(TOLD) as engine, opened(ROOM) as plain:
        assert await told(engine) == ("unknown", None, "degraded")
        engine.tell_series("host", dear_from(begin))
        assert await told(engine) == ("stores", encode_instant(begin), "ok")
        clock.advance(3600)
        ends = encode_instant(begin + 6 * HOUR)
        assert await told(engine) == ("coasts", ends, "ok")
        clock.advance(6 * 3600)
        assert (await told(engine))[:2] == ("unknown", None)
        await plain.run_once()
        assert plain.overview()["zones"][0]["price"] is None


async def test_a_host_tells_prices_and_takes_them_back(living):
    opened, clock = living
    async with opened(TOLD) as engine:
        await engine.run_once()
        assert band(engine) == WHOLE
        begin = clock.now() + HOUR
        engine.tell_series(
            "host",
            Series(
                ((clock.now(), 0.1), (begin, 0.4)),
                ends=begin + HOUR,
                issued_at=clock.now(),
            ),
        )
        assert engine.next_wakeup <= clock.now()
        await engine.run_once()
        assert band(engine) == UPPER
        engine.tell_series("host", None)
        await engine.run_once()
        assert band(engine) == WHOLE
        with pytest.raises(TypeError, match="expected a Series, got a list"):
            engine.tell_series("host", [])


@pytest.mark.parametrize("age_hours", [-2, 37])
async def test_prices_that_are_stale_or_of_the_future_count_for_nothing(
    living, age_hours
):
    opened, clock = living
    now = clock.now()
    async with opened(TOLD) as engine:
        engine.tell_series(
            "host",
            Series(
                ((now - HOUR, 0.1), (now + HOUR, 0.4)),
                ends=now + 6 * HOUR,
                issued_at=now - age_hours * HOUR,
            ),
        )
        await engine.run_once()
        assert band(engine) == WHOLE


async def test_the_tariff_counts_while_the_series_is_not_known(living):
    opened, clock = living
    at = clock.now()
    dear = {
        "start": f"{at:%H:%M}",
        "end": f"{at + 3 * HOUR:%H:%M}",
        "price": 0.4,
    }
    price = {"source": "host", "windows": [dear], "otherwise": 0.1}
    async with opened(ROOM | {"price": price}) as engine:
        await engine.run_once()
        assert band(engine) == LOWER


async def test_a_series_of_one_price_counts_and_not_the_tariff_beside_it(living):
    opened, clock = living
    at = clock.now()
    dear = {"start": f"{at:%H:%M}", "end": f"{at + 3 * HOUR:%H:%M}", "price": 0.4}
    price = {"source": "host", "windows": [dear], "otherwise": 0.1}
    same = Series(((at - HOUR, 0.2),), ends=at + 12 * HOUR, issued_at=at - HOUR)
    async with opened(ROOM | {"price": price}) as engine:
        engine.tell_series("host", same)
        await engine.run_once()
        assert band(engine) == WHOLE


async def test_after_a_restart_the_level_counts_until_it_is_over(living):
    opened, clock = living
    begin = clock.now() + HOUR
    series = dear_from(begin)
    async with opened(ROOM | {"price": {"source": "host"}}) as engine:
        engine.tell_series("host", series)
        await engine.run_once()
        kept = engine._documents.states["default"].surroundings
    again = Surroundings.from_document(kept.to_document())
    assert again.price == kept.price
    assert kept.price.stores
    assert kept.price.until == begin
