"""/healthz and /metrics: what is well, what is not, and when that is a 503."""

import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.engine.scheduler import SchedulerService
from switchbot_automation.engine.tick import Performance
from switchbot_automation.series import Series
from switchbot_store import FailoverStore, MemoryStore, StoreUnavailableError

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
TOKEN = "a-token-of-the-tests-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def test_a_home_that_works_tells_all_of_itself(home, get):
    home.history.flush()  # or its own thread does, between the two answers
    async with home.serve() as url:
        told = await get(f"{url}healthz")
        assert await get(f"{url}healthz/live") == told
        assert await get(f"{url}healthz/ready") == told
    assert told["status"] == "ok"
    assert (told["healthy"], told["live"], told["ready"]) == (True, True, True)
    assert told["store"]["reachable"] is True
    assert told["history"]["backend"]
    assert told["quota"]["remaining"] > 0
    assert told["sensors"].keys() == {"living room", "office"}
    assert set(told["versions"]) == {"python", "switchbot_automation", "aiohttp"}
    assert told["performance"]["status"] == "ok"
    assert told["performance"]["ticks_per_minute"] > 0


async def test_what_a_price_asks_of_a_room_is_told_with_its_end(bare, http, get):
    settings = bare.store.get("settings")
    settings["zones"]["office"]["price"] = {"source": "host"}
    # A band of one kelvin has no part to be given up.
    settings["zones"]["office"]["winter"]["max_temp"] = 22.5
    bare.store.set("settings", settings)

    async def told(url):
        await bare.engine.run_once()
        async with http.get(f"{url}metrics") as answer:
            lines = (await answer.text()).splitlines()
        office = 'price_level{state="%s",zone="office"} 1.0'
        levels = ("stores", "coasts", "whole", "unknown")
        prefix = "switchbot_automation_"
        found = [each for each in levels if prefix + office % each in lines]
        ends = [each for each in lines if each.startswith(f"{prefix}price_level_until")]
        rooms = (await get(f"{url}api/zones"))["zones"]
        prices = {each["name"]: each["price"] for each in rooms}
        assert prices["living room"] is None
        assert found == [prices["office"]["level"]]
        assert len(ends) == (prices["office"]["until"] is not None)
        return found

    async with bare.serve() as url:
        assert await told(url) == ["unknown"]
        now = bare.clock.now()
        soon, later = (now + timedelta(hours=each) for each in (1, 6))
        series = Series(((now, 0.1), (soon, 0.4)), ends=later, issued_at=now)
        bare.engine.tell_series("host", series)
        assert await told(url) == ["stores"]


async def test_before_the_first_tick_it_lives_and_is_not_ready(bare, get):
    async with bare.serve() as url:
        told = await get(f"{url}healthz")
        assert told["performance"]["last_tick_duration_ms"] is None
        await get(f"{url}healthz/live")
        await get(f"{url}healthz/ready", 503)
        await bare.engine.run_once()
        await get(f"{url}healthz/ready")


@pytest.mark.parametrize(
    ("latency", "status"), [(0.1, "ok"), (0.15, "warning"), (0.3, "critical")]
)
async def test_ticks_that_take_long_are_told_in_milliseconds(
    bare, get, latency, status
):
    # Two meters are asked and two units turned off, one after the other.
    bare.home.latency_seconds = latency
    async with bare.serve(strict_health=False) as url:
        await bare.engine.run_once()
        told = await get(f"{url}healthz")
        strict = 503 if status == "critical" else 200
    async with bare.serve(strict_health=True) as url:
        await get(f"{url}healthz", strict)
    performance = told["performance"]
    assert performance["status"] == status
    assert performance["last_tick_duration_ms"] == pytest.approx(4000 * latency)
    assert performance["avg_tick_duration_ms"] == pytest.approx(4000 * latency)


def test_the_average_is_of_the_last_ticks_and_the_rate_of_the_last_minutes():
    performance = Performance()
    assert performance.to_dict(5.0)["status"] == "ok"
    for minute in range(30):
        performance.note(minute * 60.0, 5.0 if minute < 20 else 0.5)
    told = performance.to_dict(30 * 60.0)
    assert told["avg_tick_duration_ms"] == 500.0
    assert told["status"] == "warning"
    assert told["ticks_per_minute"] == pytest.approx(1.0, abs=0.11)
    assert performance.to_dict(2 * 3600.0)["ticks_per_minute"] == 0


async def test_ticks_that_do_not_come_any_more_are_what_a_restart_mends(home, get):
    async with home.serve() as url:
        home.clock.advance(3600)
        told = await get(f"{url}healthz", 503)
        await get(f"{url}healthz/live", 503)
    assert told["scheduler"]["tick_stale"] is True
    assert told["status"] == "error"


async def test_a_scheduler_that_was_stopped_is_an_error(looked, get):
    scheduler = SchedulerService(looked.engine)
    async with looked.serve(scheduler=scheduler) as url:
        told = await get(f"{url}healthz", 503)
        assert told["scheduler"]["running"] is False
        scheduler.start()
        told = await get(f"{url}healthz")
        assert told["scheduler"]["running"] is True
        await scheduler.stop()
        await get(f"{url}healthz/live", 503)


async def test_settings_that_cannot_be_used_are_unhealthy_and_alive(bare, get):
    bare.store.set("settings", {"automation_enabled": "perhaps"})
    await bare.engine.run_once()
    async with bare.serve() as url:
        told = await get(f"{url}healthz", 503)
        await get(f"{url}healthz/live")
    assert told["settings_error"].startswith("automation_enabled")


async def test_a_store_that_does_not_answer_is_unhealthy(bare, get):
    await bare.engine.run_once()

    def away(*_arguments):
        raise StoreUnavailableError("nobody answers")

    bare.store.get_many = away
    await bare.engine.run_once()
    async with bare.serve() as url:
        told = await get(f"{url}healthz", 503)
        assert told["store"] == told["store"] | {
            "reachable": False,
            "last_error": "nobody answers",
        }
        del bare.store.get_many
        await bare.engine.run_once()
        await get(f"{url}healthz")


@pytest.fixture
async def degraded(bare, tmp_path):
    """The home on a store whose database went away and whose journal took over."""
    primary = MemoryStore(now=bare.clock.now)
    with FailoverStore(primary, tmp_path) as store:
        store.set("settings", bare.store.get("settings"))

        def away(*_arguments):
            raise StoreUnavailableError("nobody answers")

        for name in ("get_many", "set_many", "set", "get_entry", "compare_and_set"):
            setattr(primary, name, away)
        primary.health_check = lambda: False
        bare.engine = AutomationEngine(bare.home, store, clock=bare.clock)
        async with bare.engine:
            await bare.engine.run_once()
            yield bare


async def test_a_store_that_saves_up_writes_is_degraded_and_strictly_unhealthy(
    degraded, get, monkeypatch
):
    async with degraded.serve() as url:
        told = await get(f"{url}healthz")
        assert told["status"] == "degraded"
        assert told["store"]["degraded_since"]
        await get(f"{url}healthz/ready")
    monkeypatch.setenv("STRICT_HEALTH_CHECKS", "true")
    async with degraded.serve() as url:
        assert (await get(f"{url}healthz", 503))["status"] == "degraded"
        await get(f"{url}healthz/ready", 503)
        await get(f"{url}healthz/live")
    async with degraded.serve(strict_health=False) as url:
        await get(f"{url}healthz")


async def test_a_meter_that_does_not_answer_is_degraded(looked, get):
    looked.home.faults.inject("offline", device_id="C271111EC0AC")
    await looked.live(1)
    async with looked.serve() as url:
        told = await get(f"{url}healthz")
    assert told["status"] == "degraded"
    stale = {name: each["stale"] for name, each in told["sensors"].items()}
    assert stale == {"living room": False, "office": True}


async def test_a_probe_without_the_token_learns_the_status_alone(looked, get, http):
    short = {"status", "healthy", "live", "ready"}
    away = {"X-Forwarded-For": "203.0.113.5"}
    async with looked.serve(token=TOKEN) as url:
        assert (await get(f"{url}healthz")).keys() == short
        assert "quota" in await get(f"{url}healthz", headers=BEARER)
        await get(f"{url}healthz", 401, headers=away)
        await get(f"{url}metrics", 401)
    async with looked.serve(token=TOKEN, public_health=True) as url:
        assert (await get(f"{url}healthz", headers=away)).keys() == short
        await get(f"{url}metrics", 401, headers=away)


async def test_without_the_extra_the_figures_say_what_to_install(
    looked, get, monkeypatch
):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    async with looked.serve() as url:
        told = await get(f"{url}metrics", 501)
        await get(f"{url}healthz")
    assert "[web]" in told["message"]


async def test_prometheus_reads_every_figure(home, http, send):
    async with home.serve() as url:
        await home.live(0.5)
        await send(f"{url}api/zones/office/actions", {"action": "off"})
        async with http.get(f"{url}metrics") as answer:
            assert answer.status == 200
            assert answer.content_type == "text/plain"
            text = await answer.text()
    families = {each.name: each for each in text_string_to_metric_families(text)}
    prefix = "switchbot_automation_"
    assert all(name.startswith(prefix) for name in families)

    def value(name, **labels):
        return next(
            sample.value
            for sample in families[prefix + name].samples
            if sample.labels == labels
        )

    assert value("status", state="ok") == 1
    assert value("status", state="error") == 0
    overview = home.engine.overview()
    for zone in overview["zones"]:
        known = value("temperature_celsius", zone=zone["name"])
        assert known == zone["temperature"]
    assert value("aircon_on", zone="office") == 0
    health = await home.engine.health()
    assert value("quota_remaining") == health["quota"]["remaining"]
    assert value("ticks") == health["performance"]["ticks"]
    sent = value("commands", zone="office", action="off", status="accepted")
    assert sent == 1
    assert families[prefix + "ticks"].type == "counter"


async def test_figures_of_a_home_without_history_and_settings_are_told_too(bare, http):
    bare.store.delete("settings")
    await bare.engine.run_once()
    bare.clock.advance(timedelta(minutes=1).total_seconds())
    async with bare.serve() as url, http.get(f"{url}metrics") as answer:
        text = await answer.text()
    assert "switchbot_automation_live 1.0" in text
    assert "temperature_celsius{" not in text


async def test_alerts_and_dashboard_ask_for_figures_that_there_are(home, http):
    files = ("alerts.yml", "grafana/dashboards/climate.json")
    queries = "\n".join((DEPLOY / name).read_text() for name in files)
    asked = set(re.findall(r"switchbot_automation_[a-z_]+", queries))
    async with home.serve() as url, http.get(f"{url}metrics") as answer:
        told = await answer.text()
    there = set(
        re.findall(r"^# HELP (switchbot_automation_[a-z_]+)", told, re.MULTILINE)
    )
    assert len(asked) > 8
    assert asked <= there
    # And for labels that they have, with values that they take.
    labels = {
        (name, *label)
        for name, inside in re.findall(r"^(\w+)\{(.*)\}", told, re.MULTILINE)
        for label in re.findall(r'(\w+)="([^"]*)"', inside)
    }
    by = {
        (name, label, value)
        for name, inside in re.findall(
            r"(switchbot_automation_\w+)\{([^}]*)\}", queries.replace('\\"', '"')
        )
        for label, values in re.findall(r'(\w+)\s*=~?\s*"([^"]*)"', inside)
        for value in values.split("|")
    }
    assert by
    assert by <= labels
