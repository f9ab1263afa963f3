"""A sensor or actuator that asks for a context works through the engine's own client."""

import functools

import pytest

from switchbot_automation import (
    AutomationEngine,
    BadParameterError,
    PluginError,
    QuotaExhaustedError,
)
from switchbot_automation.plugins import API_VERSION, Plugin, Registry, registry
from switchbot_automation.simulation import SimulatedClock, SimulatedHome
from switchbot_automation.simulation.home import METER_ID
from switchbot_store import MemoryStore

PLUG = "PLUG00000001"
ROOM = {
    "automation_enabled": True,
    "timezone": "UTC",
    "mode": "winter",
    "command_cooldown_seconds": 0,
    "winter": {"min_temp": 27.0, "max_temp": 29.0, "target_temp": 30.0},
    "time_windows": [{"days": [*range(7)], "start": "00:00", "end": "00:00"}],
    "meter_device_id": "plugin:copy",
    "aircon_device_id": "plugin:fan",
    "plugins": {
        "copy": {"sensor": "copy", "of": METER_ID},
        "fan": {"actuator": "fan", "plug": PLUG},
    },
}
MADE = {}


class Copy:
    """Says what another meter says."""

    def __init__(self, config, *, context):
        self.of, self.context = config["of"], context
        MADE["copy"] = self

    async def read(self):
        return (await self.context.client.status(self.of)).fields


class Fan:
    """A fan on a plug of the account."""

    def __init__(self, config, context=None):
        self.plug, self.context = config["plug"], context
        MADE["fan"] = self

    async def send(self, command, parameter):
        word = "turnOff" if command == "turnOff" else "turnOn"
        await self.context.client.command(self.plug, word)


@pytest.fixture
def words():
    """Have the two words in the registry, and no context of another test."""
    registry.cache_clear()
    MADE.clear()
    registry().add("sensors", "copy", Plugin(dict, Copy, API_VERSION))
    registry().add("actuators", "fan", Plugin(dict, Fan, API_VERSION))
    yield
    registry.cache_clear()


@pytest.fixture
def life(words):
    """Return the making of an engine, by the calls used before and changes of settings."""

    def made(*, used=0, **changes):
        clock = SimulatedClock()
        home = SimulatedHome(clock, season="winter")
        home.add_device("Plug Mini (EU)", PLUG)
        store = MemoryStore(now=clock.now)
        store.set("settings", ROOM | changes)
        today = clock.now().date().isoformat()
        store.set("state", {"api_quota_day": today, "api_requests_total": used})
        return AutomationEngine(home, store, clock=clock), home, store

    return made


def is_on(home):
    home.clock.advance(5)  # what a command does takes two
    home.advance()
    return home.account.devices[PLUG].status()["switchStatus"] == 1


async def test_a_plugin_reads_and_commands_through_the_client_and_each_call_is_counted(
    life,
):
    engine, home, store = life()
    report = await engine.run_once()
    assert report.outcome == "winter_on"
    assert [each.status for each in report.commands] == ["accepted"]
    assert is_on(home)
    kept = store.get("state")
    assert kept["api_requests_total"] == home.account.used_today == 2
    quota = MADE["fan"].context.quota
    assert (quota.used, quota.remaining, quota.limit) == (2, 9_998, 10_000)
    assert quota.resets_at > home.clock.now()
    assert MADE["copy"].context.clock is home.clock


async def test_a_plugins_command_is_refused_once_the_cloud_says_the_day_is_used_up(
    life,
):
    engine, home, _ = life()
    home.account.use_elsewhere(home.account.daily_limit - 1)  # the meter's is the last
    (command,) = (await engine.run_once()).commands
    assert command.status == "failed"
    assert not is_on(home)
    assert MADE["fan"].context.quota.remaining == 0
    asked = home.account.used_today
    with pytest.raises(QuotaExhaustedError) as refused:
        await MADE["fan"].context.client.command(PLUG, "turnOn")
    assert refused.value.resets_at == MADE["fan"].context.quota.resets_at
    assert home.account.used_today == asked


async def test_the_reserve_is_for_what_the_engine_commands_not_for_a_plugin_by_itself(
    life,
):
    engine, home, _ = life(used=9_701, quota_reserve=300)
    command = await engine.act("default", "on")
    # Of what the engine has sent the reserve may be used.
    assert command.status == "accepted"
    assert is_on(home)
    context = MADE["fan"].context
    asked = home.account.used_today
    for call in (
        context.client.command(PLUG, "turnOff"),
        context.client.run_scene("scene"),
        context.client.status(METER_ID),
        context.client.devices(),
        context.client.scenes(),
    ):
        with pytest.raises(QuotaExhaustedError):
            await call
    assert home.account.used_today == asked
    assert is_on(home)


async def test_where_a_home_only_observes_a_plugin_reads_and_sends_nothing(life):
    engine, home, _ = life(observe_only=True)
    await engine.run_once()
    context = MADE["copy"].context
    assert context.dry_run
    assert (await context.client.status(METER_ID)).fields["temperature"]
    asked = home.account.used_today
    with pytest.raises(PluginError, match="only observes"):
        await context.client.command(PLUG, "turnOn")
    with pytest.raises(PluginError, match="only observes"):
        await context.client.run_scene("scene")
    assert home.account.used_today == asked


async def test_a_plugin_may_command_by_itself_where_the_home_is_not_only_observed(life):
    engine, home, _ = life()
    await engine.run_once()
    assert is_on(home)
    assert not MADE["fan"].context.dry_run
    await MADE["fan"].context.client.command(PLUG, "turnOff")
    assert not is_on(home)


async def test_a_part_that_was_closed_calls_nobody(life):
    engine, home, store = life()
    await engine.run_once()
    before = MADE["fan"].context
    fan = {"actuator": "fan", "plug": PLUG, "note": "another"}
    store.set("settings", ROOM | {"plugins": ROOM["plugins"] | {"fan": fan}})
    home.clock.advance(300)
    await engine.run_once()
    await engine.act("default", "off")
    assert MADE["fan"].context is not before
    asked = home.account.used_today
    for call in (before.client.command(PLUG, "turnOn"), before.client.status(PLUG)):
        with pytest.raises(PluginError, match="was closed"):
            await call
    assert home.account.used_today == asked


async def test_a_sensor_cannot_ask_for_itself_without_end(life):
    engine, *_ = life()
    await engine.run_once()
    with pytest.raises(BadParameterError, match="no device of the account"):
        await MADE["copy"].context.client.status("plugin:copy")
    listed = await MADE["copy"].context.client.devices()
    assert PLUG in [each.device_id for each in listed.devices]
    assert not [each for each in listed.devices if each.device_id.startswith("plugin:")]


class OfClass:
    def __init__(self, config, context): ...


def with_options(config, **options): ...
def with_its_own(config, port=3): ...
def named_so(context): ...
def by_keyword(config, *, context): ...
def optional(config, context=None): ...


@pytest.mark.parametrize(
    ("factory", "wants"),
    [
        (OfClass, True),
        (by_keyword, True),
        (optional, True),
        (functools.partial(by_keyword), True),
        (named_so, False),
        (with_options, False),
        (with_its_own, False),
        (dict, False),
        (lambda config: config, False),
    ],
)
def test_a_factory_says_by_its_parameters_whether_it_wants_a_context(factory, wants):
    found = Registry({})
    for group in ("sensors", "actuators"):
        found.add(group, "it", Plugin(dict, factory, API_VERSION))
        assert found.get(group, "it").wants_context is wants


@pytest.mark.parametrize(
    ("group", "factory", "said"),
    [
        ("actuators", lambda config, client: None, "client"),
        ("sensors", lambda *, context: None, "positional"),
        ("sensors", lambda: None, "positional"),
        ("triggers", by_keyword, "context"),
        ("notifiers", OfClass, "context"),
    ],
)
def test_a_factory_that_nobody_could_call_is_refused_and_said_why(group, factory, said):
    with pytest.raises(PluginError, match="its factory cannot be called") as refused:
        Registry({}).add(group, "it", Plugin(dict, factory, API_VERSION))
    assert said in str(refused.value)


def test_of_other_groups_a_context_that_may_be_left_out_is_left_out():
    found = Registry({})
    found.add("triggers", "it", Plugin(dict, optional, API_VERSION))
    assert not found.get("triggers", "it").wants_context
