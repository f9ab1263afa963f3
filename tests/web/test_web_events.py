"""Server-sent events: every event once, in order, and nobody slows the engine down."""

import asyncio
import gc
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import aiohttp
import pytest

from switchbot_automation.cloud.events.events import WebhookEvent
from switchbot_automation.engine.events import WebhookReceived
from switchbot_automation.testing import run_for
from switchbot_automation.web.live import MOST_LISTENERS, Live
from switchbot_automation.web.shared import Shared


class Stream:
    """A stream that is read; `until` returns the events up to one of a kind."""

    def __init__(self, answer):
        self.answer = answer
        self.last_id = ""

    async def next(self):
        fields = {}
        async with asyncio.timeout(5):
            while True:
                line = (await self.answer.content.readline()).decode()
                if not line:
                    return None
                if line == "\n" and "data" in fields:
                    break
                name, _, value = line.rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
        self.last_id = fields.get("id", self.last_id)
        return fields["event"], json.loads(fields["data"])

    async def until(self, kind):
        found = []
        while not found or found[-1][0] != kind:
            found.append(await self.next())
        return found


@pytest.fixture
async def listen():
    """Open streams; closed at the end."""
    # A line may be long, and nobody waits for a free connection.
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), read_bufsize=2**20
    )

    async def opened(url, **headers):
        answer = await session.get(f"{url}api/events", headers=headers)
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        return Stream(answer)

    yield opened
    await session.close()


async def test_a_listener_first_hears_of_the_home_and_then_of_every_tick(home, listen):
    async with home.serve() as url:
        stream = await listen(url)
        kind, told = await stream.next()
        assert kind == "home"
        assert told == home.engine.overview()
        await run_for(home.engine, timedelta(minutes=5))
        events = await stream.until("home")
    assert [kind for kind, _ in events] == ["decision", "decision", "home"]
    assert [told["zone"] for _, told in events[:2]] == ["living room", "office"]
    assert all(each["text"] for each in events[0][1]["reasons"])
    assert events[-1][1] == home.engine.overview() | {"at": events[-1][1]["at"]}


async def test_a_persons_command_is_told_to_everybody(home, listen, send):
    async with home.serve() as url:
        streams = [await listen(url) for _ in range(3)]
        for stream in streams:
            await stream.next()
        await send(f"{url}api/zones/office/actions", {"action": "off"})
        for stream in streams:
            events = await stream.until("home")
            (command,) = [told for kind, told in events if kind == "command"]
            assert (command["zone"], command["action"]) == ("office", "off")
            assert events[-1][1]["zones"][1]["power"] == "off"


async def test_who_was_away_for_a_moment_hears_what_was_missed(home, listen):
    async with home.serve() as url:
        stream = await listen(url)
        await stream.next()
        await run_for(home.engine, timedelta(minutes=5))
        await stream.until("home")
        stream.answer.close()
        await run_for(home.engine, timedelta(minutes=5))
        again = await listen(url, **{"Last-Event-ID": stream.last_id})
        events = await again.until("home")
        assert [kind for kind, _ in events] == ["decision", "decision", "home"]
        for nonsense in ("", "other-5", f"{stream.last_id.partition('-')[0]}-x", "-"):
            fresh = await listen(url, **{"Last-Event-ID": nonsense})
            assert (await fresh.next())[0] == "home"


def frames(missed):
    """Return kind, number and data of what was missed, without the home at its end."""
    found = []
    for frame in missed[:-1]:
        number, kind, data = (
            line.partition(": ")[2] for line in frame.decode().splitlines() if line
        )
        found.append((kind, number.partition("-")[2], json.loads(data)))
    return found


async def test_what_was_pushed_while_nobody_listened_is_told_as_to_who_did(looked):
    shared = Shared()
    listened, alone = Live(looked.engine, shared), Live(looked.engine, shared)
    for live in (listened, alone):
        live.start()
    queue, _ = listened.join()
    for temperature in (20.5, 20.6):
        context = {
            "deviceType": "WoMeter",
            "deviceMac": "C271111EC0AB",
            "temperature": temperature,
            "scale": "CELSIUS",
            "humidity": 50,
            "timeOfSample": int(looked.clock.now().timestamp() * 1000),
        }
        payload = {"eventType": "changeReport", "eventVersion": "1", "context": context}
        await looked.engine.handle_webhook(payload)
        looked.clock.advance(61)
    listened.leave(queue)
    told, later = (frames(live.join(f"{live.boot}-0")[1]) for live in (listened, alone))
    assert [kind for kind, _, _ in told].count("webhook") == 2
    assert told == later
    listened.stop()
    alone.stop()


async def test_a_push_that_is_no_json_costs_who_was_away_that_event_alone(
    looked, caplog
):
    live = Live(looked.engine, Shared())
    live.start()
    for number in (2**70, 20):
        pushed = WebhookEvent(
            event_type="changeReport",
            device_id="C271111EC0AB",
            device_type="WoMeter",
            values={"temperature": number},
            context={},
            merged={},
            sampled_at=looked.clock.now(),
            received_at=looked.clock.now(),
        )
        looked.engine._parts.listeners.emit(WebhookReceived(pushed))
    (told,) = frames(live.join(f"{live.boot}-0")[1])
    assert told[2]["values"] == {"temperature": 20}
    assert "cannot be told" in caplog.text
    live.stop()


async def test_a_listener_who_does_not_read_is_let_go_and_holds_up_nobody(
    home, listen, get
):
    async with home.serve() as url:
        host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
        # Their windows are full after a few kilobytes, and they never read.
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.transport.pause_reading()
        writer.write(
            f"GET /api/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
        )
        stream = await listen(url)
        await stream.next()
        for _ in range(100):
            if (await get(f"{url}healthz"))["web"]["listeners"] == 2:
                break
        reading = asyncio.ensure_future(_read_on(stream))
        told = 0
        while (await get(f"{url}healthz"))["web"]["dropped"] == 0:
            home.engine._parts.listeners.emit(LongStory("x" * 200_000))
            told += 1
            assert told < 1000
        assert (await get(f"{url}healthz"))["web"]["listeners"] == 1
        assert not reading.done()
        reading.cancel()
        writer.close()
        assert not reader.at_eof()


async def test_who_does_not_read_is_cut_off_though_nothing_more_is_told(
    home, get, monkeypatch
):
    monkeypatch.setattr("switchbot_automation.web.api.events.WRITE_SECONDS", 0.0)
    monkeypatch.setattr("switchbot_automation.web.live._LOOK_SECONDS", 0.01)
    async with home.serve() as url:
        host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
        _reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.transport.pause_reading()
        writer.write(
            f"GET /api/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
        )
        async with asyncio.timeout(10):
            while (await get(f"{url}healthz"))["web"]["listeners"] == 0:
                continue
            # More than what lies between the two takes, in one piece.
            home.engine._parts.listeners.emit(LongStory("x" * 20_000_000))
            while (await get(f"{url}healthz"))["web"]["listeners"]:
                continue
        assert (await get(f"{url}healthz"))["web"]["dropped"] == 0
        writer.close()


async def test_a_listener_hears_in_a_quiet_home_that_the_server_is_still_there(
    home, listen, monkeypatch
):
    monkeypatch.setattr("switchbot_automation.web.live.HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr("switchbot_automation.web.live._LOOK_SECONDS", 0.01)
    async with home.serve() as url:
        stream = await listen(url)
        assert (await stream.next())[0] == "home"
        async with asyncio.timeout(5):
            for _ in range(3):
                while await stream.answer.content.readline() != b": still here\n":
                    continue


@dataclass(frozen=True)
class LongStory:
    """An event of a plug-in that has a lot to tell."""

    kind: ClassVar[str] = "story"
    text: str


async def _read_on(stream):
    while await stream.next() is not None:
        pass


async def test_two_hundred_listeners_hear_of_every_tick(looked, listen):
    async with looked.serve() as url:
        streams = await asyncio.gather(*(listen(url) for _ in range(200)))
        for stream in streams:
            assert (await stream.next())[0] == "home"
        for _ in range(3):
            looked.clock.advance(300)
            await looked.engine.run_once()
        heard = await asyncio.gather(*(_decisions(stream, 6) for stream in streams))
    assert all(each == heard[0] for each in heard)


async def _decisions(stream, count):
    found = []
    while len(found) < count:
        kind, told = await stream.next()
        if kind == "decision":
            found.append((told["at"], told["zone"], told["outcome"]))
    return found


async def test_streams_end_when_the_server_does(home, listen):
    async with home.serve() as url:
        stream = await listen(url)
        await stream.next()
    assert await stream.next() is None


async def test_there_is_a_limit_to_how_many_listen(home, get, monkeypatch, listen):
    monkeypatch.setattr("switchbot_automation.web.live.MOST_LISTENERS", 2)
    assert MOST_LISTENERS >= 200
    async with home.serve() as url:
        streams = [await listen(url) for _ in range(2)]
        told = await get(f"{url}api/events", 503)
        assert told["error"] == "too_many_listeners"
        # A place is free again as soon as its listener is gone, without an event.
        streams[0].answer.close()
        await again_listened(url, listen)
        for stream in streams:
            stream.answer.close()


async def again_listened(url, listen):
    """Try until there is a place."""
    async with asyncio.timeout(5):
        while True:
            try:
                return await listen(url)
            except AssertionError:
                await asyncio.sleep(0.01)


async def test_places_and_memory_come_back_when_five_hundred_went_away(
    looked, http, listen
):
    async with looked.serve() as url:
        held = []
        for _ in range(2):
            streams = [await listen(url) for _ in range(MOST_LISTENERS)]
            await looked.engine.run_once("manual")
            for stream in streams:
                stream.answer.close()
            async with asyncio.timeout(10):
                while await listeners(http, url):
                    continue
            del streams, stream
            gc.collect()
            held.append(
                sum(isinstance(each, asyncio.Queue) for each in gc.get_objects())
            )
    assert held[0] == held[1] < MOST_LISTENERS


async def listeners(http, url):
    async with http.get(f"{url}metrics") as answer:
        found = re.search(r"event_listeners (\d+)", await answer.text())
        return int(found[1])


async def test_what_was_counted_of_a_zone_leaves_with_the_zone(looked, http):
    async with looked.serve() as url:
        await looked.engine.act("office", "off", timedelta(hours=1))
        await looked.engine.run_once("manual")
        async with http.get(f"{url}metrics") as answer:
            assert 'zone="office"' in await answer.text()
        settings = looked.store.get("settings")
        settings["zones"]["study"] = settings["zones"].pop("office")
        looked.store.set("settings", settings)
        await looked.engine.run_once("manual")
        async with http.get(f"{url}metrics") as answer:
            text = await answer.text()
    assert "office" not in text
    assert 'zone="study"' in text


async def test_after_the_end_the_engine_tells_nobody_any_more(home):
    async with home.serve():
        pass
    before = len(home.engine._parts.listeners._listeners)
    async with home.serve():
        assert len(home.engine._parts.listeners._listeners) == before + 1
    assert len(home.engine._parts.listeners._listeners) == before
