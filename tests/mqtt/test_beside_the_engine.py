"""What a source of events beside the webhook has of the engine."""

from __future__ import annotations

import pytest

from switchbot_automation import AuthError, AutomationEngine
from switchbot_automation.simulation import SimulatedHome, default_settings
from switchbot_automation.simulation.faults import Call
from switchbot_store import MemoryStore

from .test_push_stream import event_of


@pytest.fixture
async def engine(clock):
    home = SimulatedHome(clock, season="winter")
    store = MemoryStore()
    store.set("settings", default_settings("winter") | {"poll_interval_seconds": 60})
    async with AutomationEngine(home, store, clock=clock) as engine:
        engine.home_simulated = home
        await engine.run_once()
        yield engine


async def test_after_missed_events_a_meter_is_asked_again(engine, clock):
    home = engine.home_simulated

    def asked():
        return home.account.calls[Call.STATUS]

    home_temperature = engine.overview()["zones"][0]["temperature"]
    # Events that agree with what the cloud answers, until they are taken in its place.
    for _ in range(12):
        clock.advance(61)
        said = (await home.status("C271111EC0AB")).fields["temperature"]
        await engine.handle_webhook(event_of(clock, said))
        await engine.run_once("refresh")
    pushes = engine._parts.pushes
    assert pushes.proved("C271111EC0AB")
    clock.advance(200)
    assert pushes.answer("C271111EC0AB") is not None
    engine.events_missed()
    assert pushes.answer("C271111EC0AB") is None
    before = asked()
    clock.advance(61)
    await engine.run_once()
    assert asked() == before + 1
    assert home_temperature is not None


async def test_a_problem_beside_the_engine_degrades_it(engine):
    problem = None
    engine.show_in_health("push", lambda: {"state": "x", "problem": problem})
    assert (await engine.health())["status"] == "ok"
    problem = "no events"
    health = await engine.health()
    assert health["status"] == "degraded"
    assert health["beside"] == {"push": {"state": "x", "problem": "no events"}}


async def test_a_credential_is_asked_for_as_the_phone_s_program_does_where_it_has_to_be(
    own_broker, make_setup
):
    home = await make_setup(own_broker)
    home.cloud.wants_source = True
    body = await home.client.iot_credential("hub-1")
    assert body["channels"]["mqtt"]["clientId"]
    refused = home.cloud.unauthorized
    await home.client.iot_credential("hub-1")
    assert home.cloud.unauthorized == refused, "what was taken once is sent at once"


async def test_a_wrong_secret_is_no_matter_of_that_header(own_broker, make_setup):
    home = await make_setup(own_broker)
    home.cloud.secret = "another"
    for _ in range(2):
        with pytest.raises(AuthError):
            await home.client.iot_credential("hub-1")
