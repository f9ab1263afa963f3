"""Events of many accounts at one endpoint, over HTTP."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.webhooks import FleetWebhooks, path_of
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import HomeStore, MemoryStore, ThreadedStore
from tests.engine.conftest import METER, MONDAY_NOON, WINTER_ROOM

KEY = "a secret of thirty-two characters"


def event(clock, device=METER, degrees=17.5):
    return {
        "eventType": "changeReport",
        "eventVersion": "1",
        "context": {
            "deviceType": "WoMeter",
            "deviceMac": device,
            "temperature": degrees,
            "scale": "CELSIUS",
            "humidity": 50,
            "timeOfSample": int(clock.now().timestamp() * 1000),
        },
    }


class Endpoint:
    def __init__(self, **options):
        self.clock = SimulatedClock(MONDAY_NOON)
        self.woken = []
        self.hooks = FleetWebhooks(
            KEY,
            self._wake,
            now=self.clock.now,
            monotonic=self.clock.monotonic,
            **options,
        )

    async def _wake(self, home, errand):
        self.woken.append((home, errand["kind"], errand["payload"]))

    async def post(self, path, body):
        async with TestClient(TestServer(self.hooks.app())) as client:
            return (await client.post(path, json=body)).status


async def test_an_event_wakes_the_home_whose_url_it_came_to():
    endpoint = Endpoint()
    said = event(endpoint.clock)
    assert await endpoint.post(path_of(KEY, "42"), said) == 200
    assert endpoint.woken == [("42", "webhook", said)]
    assert endpoint.hooks.counts == {"taken": 1}


@pytest.mark.parametrize(
    "path",
    [
        "/webhook/42/" + "0" * 32,
        "/webhook/42/é",
        path_of(KEY, "7").replace("/7/", "/42/"),
        path_of("another secret of thirty-two chars", "42"),
    ],
)
async def test_a_url_that_is_not_ours_wakes_nobody(path):
    """That of another home neither."""
    endpoint = Endpoint()
    assert await endpoint.post(path, event(endpoint.clock)) == 404
    assert endpoint.woken == []
    assert endpoint.hooks.counts == {"not_ours": 1}


async def test_what_is_no_event_of_the_cloud_wakes_nobody():
    endpoint = Endpoint()
    path = path_of(KEY, "42")
    old = event(endpoint.clock)
    old["context"]["timeOfSample"] -= 86_400_000
    for body in ({"eventType": "changeReport"}, [], old):
        assert await endpoint.post(path, body) == 200
    assert endpoint.woken == []
    assert sum(endpoint.hooks.counts.values()) == 3
    assert "taken" not in endpoint.hooks.counts
    assert await endpoint.post(path, {"x": "y" * 100_000}) == 413


async def test_of_an_account_with_several_homes_those_with_the_device_are_woken():
    store = MemoryStore()
    for home, meter in (("1", METER), ("2", "AAAAAAAAAAAA"), ("3", METER)):
        document = WINTER_ROOM | {"meter_device_id": meter}
        HomeStore(store, home).set("settings", document)
    endpoint = Endpoint(
        homes_of=lambda _name: ["1", "2", "3"], store=ThreadedStore(store)
    )
    path = path_of(KEY, "acc0")
    await endpoint.post(path, event(endpoint.clock))
    assert [home for home, *_ in endpoint.woken] == ["1", "3"]
    await endpoint.post(path, event(endpoint.clock, device="BBBBBBBBBBBB"))
    assert len(endpoint.woken) == 2
    assert endpoint.hooks.counts == {"taken": 1, "of_no_home": 1}


@pytest.mark.parametrize("homes_of", [{}.__getitem__, {}.pop, lambda _name: []])
async def test_an_account_that_is_known_no_more_wakes_nobody(homes_of):
    """Its URL is ours for ever, being a code of its name."""
    endpoint = Endpoint(homes_of=homes_of)
    assert await endpoint.post(path_of(KEY, "42"), event(endpoint.clock)) == 200
    assert endpoint.woken == []
    assert endpoint.hooks.counts == {"of_no_home": 1}


async def test_a_queue_that_is_away_for_one_home_keeps_no_other_from_being_woken(
    caplog,
):
    store = MemoryStore()
    for home in "123":
        HomeStore(store, home).set("settings", WINTER_ROOM | {"meter_device_id": METER})
    endpoint = Endpoint(homes_of=lambda _name: "123", store=ThreadedStore(store))

    async def wake(home, errand):
        if home == "1":
            raise ConnectionError("no route")
        await endpoint._wake(home, errand)

    endpoint.hooks._events.wake = wake
    path = path_of(KEY, "acc0")
    assert await endpoint.post(path, event(endpoint.clock)) == 503
    assert [home for home, *_ in endpoint.woken] == ["2", "3"]
    assert endpoint.hooks.counts["not_woken"] == 1
    assert path.rpartition("/")[2] not in caplog.text


def test_a_key_that_can_be_guessed_is_refused_and_none_is_shown():
    with pytest.raises(SettingsError):
        path_of("short", "42")
    assert KEY not in repr(Endpoint().hooks)
