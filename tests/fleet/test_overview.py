"""How a fleet fares, for who watches thousands of homes."""

import asyncio
import json
from datetime import timedelta

import pytest
from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.metrics import FleetMetrics, serve_metrics
from switchbot_automation.fleet.overview import (
    fleet_overview,
    rooms_not_kept,
    summary_of,
)
from switchbot_automation.fleet.summary import LEFT
from switchbot_automation.fleet.visit import Visit
from switchbot_store import HomeStore
from tests.engine.conftest import MONDAY_NOON, WINTER_ROOM


async def test_homes_are_counted_and_the_worst_are_named(fleet):
    for number in range(20):
        fleet.add(str(number), 21.0)
    fleet.add("silent").broken["status"] = ConnectionError("away")
    HomeStore(fleet.store, "wrong").set("settings", {"mode": 7})
    fleet.clouds["wrong"] = fleet.clouds["0"]
    for home in fleet.clouds:
        await fleet.visit(home)
    for _ in range(40):
        fleet.clock.advance(60)
        for home in ("silent", "0"):
            await fleet.visit(home)
    found = fleet_overview(fleet.store, fleet.clock.now(), worst=3)
    assert found["homes"] == 22
    # Nobody came by any more for most of them.
    assert found["counts"]["late"] == 20
    assert found["counts"]["degraded"] == 1
    assert found["counts"]["ok"] == 1
    assert len(found["worst"]) == 3
    assert {each["what"] for each in found["worst"]} == {"late"}
    assert found["late_seconds"]["p99"] == 0
    rooms = list(rooms_not_kept(fleet.store, fleet.clock.now()))
    assert [each["home"] for each in rooms] == ["silent"]
    assert rooms[0]["status"] == "blind"
    assert json.loads(json.dumps(found)) == found


async def test_a_home_that_no_visit_came_to_the_end_of_is_not_passed_over(fleet):
    """One that was never sown, or that fails each time, left nothing to be read."""
    for home in ("42", "unsown"):
        HomeStore(fleet.store, home).set("settings", WINTER_ROOM)
    fleet.add("42")
    await fleet.visit("42")
    made = fleet.store.get_entry("homes/unsown/settings").updated_at
    soon = fleet_overview(fleet.store, made + timedelta(minutes=2))
    assert soon["homes"] == 1
    late = []
    after = made + timedelta(minutes=4)
    found = fleet_overview(fleet.store, after)
    assert found["homes"] == 2
    assert {each["home"] for each in found["worst"] if each["problem"]} == {"unsown"}
    assert list(rooms_not_kept(fleet.store, after, late=late.append)) == []
    assert "unsown" in {each.home for each in late}


async def test_settings_that_cannot_be_used_are_an_error_with_its_words(fleet):
    HomeStore(fleet.store, "wrong").set("settings", {"mode": 7})
    fleet.add("42")
    fleet.clouds["wrong"] = fleet.clouds["42"]
    for home in ("42", "wrong"):
        await fleet.visit(home)
    found = fleet_overview(fleet.store, fleet.clock.now())
    (worst,) = found["worst"]
    assert (worst["home"], worst["what"]) == ("wrong", "error")
    assert "mode" in worst["problem"]


def test_what_cannot_be_read_of_a_home_is_a_home_that_nobody_visits():
    for document in ({}, {"next_wakeup": 7, "not_kept": 3, "rooms": "x"}):
        assert summary_of("42", document, MONDAY_NOON).what == "late"
    found = summary_of(
        "42",
        {"next_wakeup": (MONDAY_NOON + timedelta(minutes=1)).isoformat(), "status": 1},
        MONDAY_NOON,
    )
    assert found.what == "error"


async def test_metrics_are_as_many_for_many_homes_as_for_one(fleet):
    counted = FleetMetrics()
    sizes = []
    for number in range(12):
        fleet.add(str(number))
        counted.take(await fleet.visit(str(number)))
        sizes.append(len(counted.text().splitlines()))
    assert len(set(sizes)) == 1
    text = counted.text()
    assert 'switchbot_fleet_visits_total{status="ok"} 12.0' in text
    assert "switchbot_fleet_late_seconds_count 12.0" in text


def test_metrics_say_what_prometheus_reads():
    counted = FleetMetrics()
    visit = Visit("1", MONDAY_NOON, MONDAY_NOON, 0.05, "ok", "ok", 2, 3, ())
    for late, status in ((0.05, "ok"), (0.3, "ok"), (1e6, "error")):
        counted.take(visit._replace(late_seconds=late, status=status))
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(counted.text())
        for sample in family.samples
    }
    assert found["switchbot_fleet_visits_total", "ok"] == 2
    assert found["switchbot_fleet_visits_total", "error"] == 1
    assert found["switchbot_fleet_commands_total",] == 6
    late = "switchbot_fleet_late_seconds"
    # What is at a bound is within it, and each has those of the ones before.
    within = [found[f"{late}_bucket", bound] for bound in ("0.05", "0.25", "0.5")]
    assert within == [1, 1, 2]
    assert found[f"{late}_bucket", "+Inf"] == found[f"{late}_count",] == 3
    assert found[f"{late}_sum",] == pytest.approx(1e6 + 0.35)
    assert found["switchbot_fleet_statements_bucket", "2.0"] == 0
    assert found["switchbot_fleet_statements_bucket", "3.0"] == 3


async def test_metrics_are_answered_whoever_else_asks():
    async with serve_metrics(FleetMetrics(), "127.0.0.1:0") as port:

        async def asked(request):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            answer = await reader.read()
            writer.close()
            return answer

        # Some who say nothing, and what is no request.
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        assert not await asked(b"x" * 100_000)
        assert b" 405 " in await asked(b"POST /metrics HTTP/1.1\r\n\r\n")
        assert (await asked(b"HEAD / HTTP/1.1\r\n\r\n")).endswith(b"\r\n\r\n")
        async with ClientSession() as session:
            answer = await session.get(f"http://127.0.0.1:{port}/metrics")
            assert answer.content_type == "text/plain"
            assert await answer.text() == FleetMetrics().text()
        # Of those who say nothing there are few, and they keep no end.
        more = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
        assert not await more[-1][0].read()
    for _, writer in silent + more:
        writer.close()
    with pytest.raises(SettingsError):
        async with serve_metrics(FleetMetrics(), "nowhere"):
            pass


async def test_what_a_visit_leaves_is_small(fleet):
    """It is written with every one of them."""
    fleet.add("42")
    for _ in range(3):
        await fleet.visit("42")
        fleet.clock.advance(60)
    assert len(json.dumps(HomeStore(fleet.store, "42").get(LEFT))) < 800


async def test_two_homes_that_command_one_unit_are_named(fleet):
    """Moved to another home, a room was not taken out of the first."""
    fleet.add("1")
    fleet.add("2")
    fleet.clouds["2"] = fleet.clouds["1"]
    fleet.add("watching", observe_only=True)
    fleet.clouds["watching"] = fleet.clouds["1"]
    fleet.add("other-account")
    for home, account in (("1", "a"), ("other-account", "b")):
        fleet.clouds[home].account = account * 32
    for home in fleet.clouds:
        await fleet.visit(home)
    found = fleet_overview(fleet.store, fleet.clock.now())
    (pair,) = found["shared"]
    assert {pair["home"], pair["with"]} == {"1", "2"}
    assert pair["unit"] == WINTER_ROOM["aircon_device_id"]
    assert found["counts"]["shared"] == 1
    HomeStore(fleet.store, "1").update(
        "settings", lambda settings: {**settings, "observe_only": True}
    )
    for home in ("1", "2"):
        await fleet.visit(home)
    found = fleet_overview(fleet.store, fleet.clock.now())
    assert (found["shared"], found["counts"]["shared"]) == ([], 0)


async def test_each_channel_of_a_relay_is_a_unit_of_its_own(fleet):
    relay = {"kind": "heater", "device_id": "B0E9FE000001"}
    for home, channel in (("1", 1), ("2", 2), ("3", 2)):
        settings = {"equipment": [{**relay, "channel": channel}]}
        fleet.add(home, **settings, aircon_device_id="")
        fleet.clouds[home] = fleet.clouds["1"]
        await fleet.visit(home)
    found = fleet_overview(fleet.store, fleet.clock.now())
    (pair,) = found["shared"]
    assert {pair["home"], pair["with"]} == {"2", "3"}
