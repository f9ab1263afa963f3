"""An engine belongs to one process and one event loop, and a closed one is closed."""

import asyncio
import functools
import os
from datetime import UTC, date, datetime, timedelta

import pytest

from switchbot_automation.errors import EngineClosedError, SettingsError
from switchbot_automation.settings.read import check_settings, parse_settings
from switchbot_store import StoreDataError

CALLS = {
    "act": lambda engine: engine.act("default", "winter"),
    "apply_settings": lambda engine: engine.apply_settings({}),
    "explain": lambda engine: engine.explain(),
    "handle_webhook": lambda engine: engine.handle_webhook({}),
    "health": lambda engine: engine.health(),
    "hold": lambda engine: engine.hold("default", "permanent"),
    "run_once": lambda engine: engine.run_once(),
    "run_rule": lambda engine: engine.run_rule("night"),
    "set_preset_mode": lambda engine: engine.set_preset_mode("default", "away"),
    "set_temperature": lambda engine: engine.set_temperature("default", 18, 19),
    "overview": lambda engine: engine.overview(),
    "rule_traces": lambda engine: engine.rule_traces(),
    "zone_overview": lambda engine: engine.zone_overview("default"),
    "zone_in_force": lambda engine: engine.zone_in_force("default"),
}


async def answer_of(call, engine):
    answer = call(engine)
    return await answer if asyncio.iscoroutine(answer) else answer


@pytest.mark.parametrize("name", CALLS)
async def test_a_closed_engine_raises_and_commands_nothing(house, name):
    async with house.engine as engine:
        await house.tick(21.0)
    left = house.state
    with pytest.raises(EngineClosedError, match="closed"):
        await answer_of(CALLS[name], engine)
    assert house.cloud.words == []
    assert house.state == left


@pytest.mark.parametrize("name", CALLS)
async def test_a_fork_of_an_engine_raises(house, name, monkeypatch):
    await house.tick(21.0)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    with pytest.raises(EngineClosedError, match=f"belongs to process {parent}"):
        await answer_of(CALLS[name], house.engine)
    assert house.cloud.words == []


async def test_the_end_of_a_fork_leaves_the_parents_claim(house, monkeypatch):
    parent = os.getpid()
    async with house.engine:
        await house.tick(21.0)
        claim = house.state["engine"]
        monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    assert house.state["engine"] == claim
    assert claim["id"]


async def test_engines_made_before_a_fork_and_used_after_it_are_not_one(
    house, monkeypatch
):
    first = house.engine
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    async with first:
        await first.run_once()
        assert house.state["engine"]["id"]


async def test_a_second_entering_is_refused(house):
    async with house.engine as engine:
        with pytest.raises(RuntimeError, match="entered already"):
            await engine.__aenter__()
        assert (await house.tick(21.0)).outcome == "no_action"
    with pytest.raises(EngineClosedError, match="make another one"):
        await engine.__aenter__()


def test_another_loop_is_refused(house):
    async def enter():
        await house.engine.__aenter__()

    asyncio.run(enter())
    with pytest.raises(RuntimeError, match="entered already"):
        asyncio.run(enter())
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(house.engine.run_once())


async def test_closing_waits_for_the_tick_under_way_and_releases_after_it(house):
    house.remember(assumed_aircon_power="off")
    sending, go_on = asyncio.Event(), asyncio.Event()
    command = house.cloud.command

    async def slow(*words):
        sending.set()
        await go_on.wait()
        return await command(*words)

    house.cloud.command = slow
    engine = await house.engine.__aenter__()
    house.cloud.temperature = 19.0
    tick = asyncio.create_task(engine.run_once())
    await sending.wait()
    closing = asyncio.create_task(engine.__aexit__(None, None, None))
    late = asyncio.create_task(engine.act("default", "off"))
    await asyncio.sleep(0)
    assert not closing.done()
    go_on.set()
    assert (await tick).outcome == "winter_on"
    await closing
    assert house.state["assumed_aircon_power"] == "on"
    assert house.state["engine"]["id"] is None
    with pytest.raises(EngineClosedError):
        await late


async def heard(event):
    raise AssertionError("nobody awaits it")


class Hearer:
    async def __call__(self, event):
        await heard(event)


@pytest.mark.parametrize("listener", [heard, functools.partial(heard), Hearer()])
async def test_an_async_listener_is_refused(house, listener):
    with pytest.raises(TypeError, match="plain function"):
        house.engine.subscribe(listener)


async def test_a_listener_that_returns_a_coroutine_is_told_of(house, caplog):
    house.engine.subscribe(lambda _event: heard(None))
    await house.tick(21.0)
    assert "nobody awaits" in caplog.text


@pytest.mark.parametrize("error", [SystemExit(2), asyncio.CancelledError()])
async def test_a_listener_cannot_end_a_tick(house, error, caplog):
    def leave(event):
        raise error

    told = []
    house.engine.subscribe(leave)
    house.engine.subscribe(told.append)
    assert (await house.tick(21.0)).outcome == "no_action"
    assert told
    assert "a listener failed" in caplog.text


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (date(2026, 1, 12), "got the date 2026-01-12"),
        ("2026-01-12T12:00:00+00:00", "got the str"),
        (1768219200, "got the int"),
        (timedelta(hours=1), "got the timedelta"),
        (datetime(2026, 1, 12, 12), "needs a timezone"),  # noqa: DTZ001 - that is the case
        (datetime(1066, 1, 1, tzinfo=UTC), "is not within"),
    ],
)
async def test_what_is_no_instant_is_refused_with_words(house, at, why):
    await house.tick(21.0)
    with pytest.raises(ValueError, match=f"^at: .*{why}"):
        await house.engine.explain(at=at)


class Number(float):
    """A float of another library, as `numpy.float64` is one."""


class Whole(int):
    """An int of another library."""


class Word(str):
    """A str of another library."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("hysteresis_celsius", Number(0.4)),
        ("poll_interval_seconds", Whole(60)),
        ("mode", Word("winter")),
        ("winter.min_temp", Number(20.0)),
    ],
)
async def test_settings_and_store_refuse_the_same(house, path, value):
    document = house.store.get("settings")
    part = document
    for name in path.split(".")[:-1]:
        part = part[name]
    part[path.split(".")[-1]] = value
    with pytest.raises(StoreDataError) as stored:
        house.store.set("settings", document)
    with pytest.raises(SettingsError) as refused:
        parse_settings(document)
    for error in (refused.value, *check_settings(document)):
        assert error.path == stored.value.path == path
        assert str(error) == str(stored.value)
    with pytest.raises(SettingsError):
        await house.engine.apply_settings(document)


def test_the_number_of_numpy_is_refused_by_both(house):
    numpy = pytest.importorskip("numpy")
    document = {**house.store.get("settings"), "hysteresis_celsius": numpy.float64(0.4)}
    (error,) = check_settings(document)
    assert error.path == "hysteresis_celsius"
