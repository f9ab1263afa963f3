"""Events of many accounts at one endpoint, over HTTP."""

import asyncio
import gzip
import json
import logging
from contextlib import asynccontextmanager
from urllib.parse import quote, unquote

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet import events as events_module
from switchbot_automation.fleet.webhooks import FleetWebhooks, path_of
from switchbot_automation.simulation import SimulatedClock
from switchbot_automation.web.server import MOST_STRANGERS
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

    async def take(self, name, body):
        code = path_of(KEY, name).rpartition("/")[2]
        return await self.hooks.take(name, code, json.dumps(body).encode())

    async def post(self, path, body):
        async with TestClient(TestServer(self.hooks.app())) as client:
            return (await client.post(path, json=body)).status


ODD = [
    "a/b", "a%2Fb", "a%62", "a%25", "a?b=c", "a#b", "a;b", "a+b", "a b", "...", "é家",
    "{name}", "a\\b", "a&b", "~", "%", "x" * 64, "\x1b[2J", "'\"<script>",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
async def test_an_account_of_any_name_is_woken_under_its_own_url_alone(name):
    endpoint = Endpoint()
    said = event(endpoint.clock)
    path = path_of(KEY, name)
    # As the cloud asks, to whom the URL was given as a text.
    assert await endpoint.post(URL(path, encoded=True), said) == 200
    assert [home for home, _, _ in endpoint.woken] == [name]
    code = path.rpartition("/")[2]
    for other in {*ODD, "ab", "a", unquote(name)} - {name}:
        assert await endpoint.hooks.take(other, code, b"{}") == 404
    taken = f"/webhook/{quote(name + '%', safe='')}/{code}"
    assert await endpoint.post(URL(taken, encoded=True), said) == 404
    assert len(endpoint.woken) == 1


@pytest.mark.parametrize("name", ["", ".", "..", "\ud800"])
def test_a_name_that_no_path_has_is_refused(name):
    with pytest.raises(SettingsError, match="no part of a URL"):
        path_of(KEY, name)


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
    (told,) = [each for each in caplog.records if "woke none" in each.getMessage()]
    assert told.exc_info is None
    assert "no route; they are looked at in their own time" in told.getMessage()


def test_a_key_that_can_be_guessed_is_refused_and_none_is_shown():
    with pytest.raises(SettingsError):
        path_of("short", "42")
    assert KEY not in repr(Endpoint().hooks)


async def test_no_account_keeps_another_s_events_from_being_heard():
    """Whatever one says under its own URL of a device that is the other's."""
    endpoint = Endpoint()
    said = event(endpoint.clock)
    ahead = event(endpoint.clock, degrees=30.0)
    ahead["context"]["timeOfSample"] += 200_000
    for degrees in range(40):
        await endpoint.take("7", event(endpoint.clock, degrees=degrees))
    for each in (said, ahead):
        await endpoint.take("7", each)
    endpoint.woken.clear()
    assert await endpoint.take("42", said) == 200
    assert endpoint.woken == [("42", "webhook", said)]


@pytest.mark.parametrize("invented", [True, False])
async def test_no_account_keeps_the_workers_busy(invented):
    """Whether it makes up devices, or says the same of a thousand again and again."""
    endpoint = Endpoint()
    for number in range(1000 if invented else 3):
        for each in range(1 if invented else 400):
            endpoint.clock.advance(0.001)
            device = f"{number if invented else each:012X}"
            await endpoint.take("7", event(endpoint.clock, device))
    assert 300 <= len(endpoint.woken) <= 310
    assert endpoint.hooks.counts["too_many"] >= 690
    # Another home is woken, and this one again after a while.
    endpoint.woken.clear()
    await endpoint.take("42", event(endpoint.clock))
    endpoint.clock.advance(10)
    await endpoint.take("7", event(endpoint.clock))
    assert [home for home, _, _ in endpoint.woken] == ["42", "7"]


async def test_all_accounts_together_keep_no_seldom_one_from_being_heard(monkeypatch):
    """Each within what one may have; in all there is an end, for who has most of it."""
    monkeypatch.setattr(events_module, "_ALL_AT_ONCE", 50)
    endpoint = Endpoint()
    for account in range(10):
        for number in range(60):
            said = event(endpoint.clock, f"{number:012X}")
            await endpoint.take(f"busy{account}", said)
    assert len(endpoint.woken) == 10 * 30 + 50
    endpoint.woken.clear()
    for account in range(40):
        await endpoint.take(f"quiet{account}", event(endpoint.clock))
    assert len(endpoint.woken) == 40


async def test_what_is_remembered_of_all_accounts_has_an_end(monkeypatch):
    """It is taken from those who have most: of the others everything is known still."""
    endpoint = Endpoint()
    events = endpoint.hooks._events
    events._most_bytes = 400_000
    said = event(endpoint.clock)
    await endpoint.take("42", said)
    for account in range(4):
        for number in range(200):
            await endpoint.take(f"{account}", event(endpoint.clock, f"{number:012X}"))
            sizes = [each.size for each in events._receivers.values()]
            assert events._size == sum(sizes) <= 400_000 + 2000
    endpoint.woken.clear()
    await endpoint.take("42", said)
    assert endpoint.woken == []
    assert endpoint.hooks.counts["duplicate"] == 1


async def test_a_name_that_is_no_text_is_not_ours():
    assert await Endpoint().hooks.take("\ud83d", "0" * 32, b"{}") == 404


class Link:
    """A connection to the served endpoint, spoken by hand."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    @asynccontextmanager
    async def to(cls, app):
        async with TestServer(app) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            yield cls(reader, writer)
            writer.close()

    async def says(self, path, *lines):
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\n" + "".join(
            f"{line}\r\n" for line in lines
        )
        self.writer.write(f"{head}\r\n".encode())
        async with asyncio.timeout(10):
            answer = await self.reader.readuntil(b"\r\n\r\n")
        return int(answer.split()[1]), answer


@pytest.mark.parametrize("ours", [True, False])
async def test_a_body_that_does_not_come_keeps_nothing(ours):
    """Under a URL that is not ours it is not even waited for."""
    path = path_of(KEY, "42") if ours else "/webhook/42/" + "0" * 32
    endpoint = Endpoint()
    app = endpoint.hooks.app(body_seconds=0.05 if ours else 600.0)
    async with Link.to(app) as link:
        status, answer = await link.says(path, "Content-Length: 100")
    assert status == (408 if ours else 404)
    assert b"connection: close" in answer.lower()
    assert endpoint.hooks.counts == {"too_slow" if ours else "not_ours": 1}


async def test_who_knows_a_url_asks_so_often_and_no_other_the_less(monkeypatch):
    """Nothing more is read then, and the connection ends."""
    monkeypatch.setattr("switchbot_automation.web.guard._EVENTS", (20, 0.001))
    endpoint = Endpoint()
    said = event(endpoint.clock)
    async with TestClient(TestServer(endpoint.hooks.app())) as client:
        statuses = [
            (await client.post(path_of(KEY, "7"), data=b"{}")).status for _ in range(30)
        ]
        assert statuses == [200] * 20 + [429] * 10
        answer = await client.post(path_of(KEY, "7"), json=said)
        assert (answer.status, answer.headers["Connection"]) == (429, "close")
        assert (await client.post(path_of(KEY, "42"), json=said)).status == 200
    assert endpoint.hooks.counts["too_many_requests"] == 11
    assert [home for home, _, _ in endpoint.woken] == ["42"]


async def test_a_compressed_body_is_not_unpacked():
    endpoint = Endpoint()
    async with TestClient(TestServer(endpoint.hooks.app())) as client:
        packed = gzip.compress(json.dumps(event(endpoint.clock)).encode())
        headers = {"Content-Encoding": "gzip"}
        answer = await client.post(path_of(KEY, "42"), data=packed, headers=headers)
    assert answer.status == 415
    assert endpoint.woken == []


async def test_others_learn_a_status_and_guess_so_often():
    endpoint = Endpoint()
    said = event(endpoint.clock)
    async with TestClient(TestServer(endpoint.hooks.app())) as client:
        # One more is allowed a second, and a busy machine takes some for these.
        guesses = [(await client.post("/webhook/42/wrong")).status for _ in range(150)]
        assert set(guesses[:60]) == {404}
        assert 429 in guesses[60:]
        assert (await client.post(path_of(KEY, "42"), json=said)).status == 200
        own = await (await client.get("/healthz")).json()
        proxied = {"X-Forwarded-For": "192.0.2.7"}
        others = await (await client.get("/healthz", headers=proxied)).json()
    assert own["events"]["taken"] == 1
    assert others == {"status": "ok"}


async def test_strangers_have_few_connections(caplog):
    """And what is no HTTP, perhaps with a URL of ours in it, is not logged."""
    endpoint = Endpoint()
    path = path_of(KEY, "42")
    with caplog.at_level(logging.DEBUG):
        async with endpoint.hooks.serve("127.0.0.1", 0) as address:
            port = URL(address).port
            first, _writer = await asyncio.open_connection("127.0.0.1", port)
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"POST {path} HTTP/9 \0\r\n\r\n".encode())
            async with asyncio.timeout(10):
                await _reader.read()
            more = [
                await asyncio.open_connection("127.0.0.1", port)
                for _ in range(MOST_STRANGERS // 2 + 1)
            ]
            async with asyncio.timeout(10):
                assert await first.read() == b""
            async with ClientSession() as session:
                said = event(endpoint.clock)
                async with session.post(URL(address).with_path(path), json=said) as got:
                    assert got.status == 200
            for _each, opened in [*more, (None, _writer), (None, writer)]:
                opened.close()
    assert path.rpartition("/")[2] not in caplog.text


@pytest.mark.parametrize("whole", [True, False])
async def test_no_account_takes_the_places_of_another(whole, monkeypatch):
    """Neither with connections that it keeps, nor with bodies that it never sends."""
    monkeypatch.setattr("switchbot_automation.web.server.MOST_CONNECTIONS", 8)
    monkeypatch.setattr("switchbot_automation.web.server.MOST_OF_ONE_SENDER", 3)
    endpoint = Endpoint()
    async with endpoint.hooks.serve("127.0.0.1", 0) as address:
        port = URL(address).port
        opened = []
        for name in [*["7"] * 12, *"abcdefgh"]:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            opened.append((reader, writer))
            length = 2 if whole else 9
            head = f"POST {path_of(KEY, name)} HTTP/1.1\r\nHost: x\r\n"
            writer.write(f"{head}Content-Length: {length}\r\n\r\n{{}}".encode())
            if whole:
                async with asyncio.timeout(10):
                    await reader.readuntil(b"\r\n\r\n")
        # Of one account the oldest makes room for the newest, and so it does of all.
        async with asyncio.timeout(10):
            assert await opened[0][0].read() == b""
        async with ClientSession() as session:
            where = URL(address).with_path(path_of(KEY, "42"))
            async with session.post(where, json=event(endpoint.clock)) as got:
                assert got.status == 200
        for _reader, writer in opened:
            writer.close()
    assert [home for home, _, _ in endpoint.woken] == ["42"]
