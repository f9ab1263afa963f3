"""A listener that asks for changes alone: what it makes of them is the home; compressed."""

import asyncio
import gzip
import json
import zlib
from datetime import timedelta
from unittest.mock import Mock

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.testing import run_for
from switchbot_automation.web.live import Live
from switchbot_automation.web.shared import Shared
from switchbot_automation.web.shared_gzip import SharedGzip


class Page:
    """Keeps the home as a page does: whole at first, then by what changed."""

    def __init__(self, answer):
        self.answer = answer
        self.home = None
        self.kinds = []

    async def next(self):
        """Take the next event in."""
        fields, line = {}, b""
        async with asyncio.timeout(10):
            while "data" not in fields or line != b"\n":
                line = await self.answer.content.readline()
                assert line, "the stream ended"
                name, _, value = line.decode().rstrip("\n").partition(": ")
                fields[name] = value
        self.kinds.append(fields["event"])
        self.take(fields["event"], json.loads(fields["data"]))

    def take(self, kind, told):
        if kind == "home":
            self.home = told
        elif kind == "changes":
            zones = told.pop("zones")
            assert set(zones) <= {zone["name"] for zone in self.home["zones"]}
            self.home |= told
            self.home["zones"] = [
                zone | zones.get(zone["name"], {}) for zone in self.home["zones"]
            ]


@pytest.fixture
async def look():
    """Open pages; closed at the end."""
    session = aiohttp.ClientSession(read_bufsize=2**20)

    async def opened(url, coding="gzip"):
        answer = await session.get(
            f"{url}api/events?changes=1", headers={"Accept-Encoding": coding}
        )
        assert answer.headers.get("Content-Encoding", "identity") == coding
        page = Page(answer)
        await page.next()
        return page

    yield opened
    await session.close()


@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_changes_make_the_home_as_it_is(home, look, send, coding):
    async with home.serve() as url:
        page = await look(url, coding)
        assert page.home == home.engine.overview()
        await run_for(home.engine, timedelta(minutes=5))
        await page.next()
        late = await look(url, coding)
        assert late.home == page.home
        await send(f"{url}api/zones/office/actions", {"action": "off"})
        for each in (page, late):
            while (
                each.kinds[-1] != "changes" or each.home["zones"][1]["power"] != "off"
            ):
                await each.next()
            assert each.home == home.engine.overview() | {"at": each.home["at"]}
    assert page.kinds[:2] == ["home", "changes"]
    assert "decision" not in page.kinds + late.kinds


async def test_a_compressed_stream_ends_whole_with_the_server(home, look):
    async with home.serve() as url:
        page = await look(url)
    assert not await page.answer.content.read()


def events(frame):
    """Return the events of a frame, kind and data."""
    parts = [each.splitlines() for each in frame.decode().split("\n\n") if each]
    return [
        (lines[-2].partition(": ")[2], json.loads(lines[-1].partition(": ")[2]))
        for lines in parts
    ]


async def test_what_stays_as_it_was_is_not_told_again(looked):
    live = Live(looked.engine, Shared())
    live.start()
    queue, _ = live.join(changes=True)
    looked.clock.advance(300)
    await looked.engine.run_once()
    ((kind, told),) = events(await queue.get())
    assert kind == "changes"
    assert "unit" not in told
    for zone in told["zones"].values():
        assert "windows" not in zone
        assert "name" not in zone
    live.leave(queue)
    live.stop()


async def test_another_list_of_zones_is_told_whole(looked):
    live = Live(looked.engine, Shared())
    live.start()
    queue, (frame,) = live.join(changes=True)
    page = Page(None)
    page.take(*events(frame)[0])
    settings = (await looked.engine.stored_settings()).data
    del settings["zones"]["office"]
    await looked.engine.apply_settings(settings)
    await looked.engine.run_once()
    kind, told = "", {}
    while kind != "home":
        kind, told = events(await queue.get())[-1]
    assert len(told["zones"]) == len(page.home["zones"]) - 1
    live.leave(queue)
    live.stop()


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_shared_pieces_make_one_gzip_stream(pieces):
    stream = SharedGzip()
    sent = [stream.add(b"begin"), *map(stream.add, pieces)]
    so_far = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(b"".join(sent))
    assert so_far == b"begin" + b"".join(pieces)
    assert gzip.decompress(b"".join([*sent, stream.end()])) == so_far


@pytest.mark.parametrize("streams", [2, 60])
def test_streams_that_began_at_different_times_share_their_pieces(streams):
    """Few of them or many: each is whole, and its check sum is right."""
    pieces = [b"%d" % number * (1 + number**3) for number in range(8)]
    crowd = [(SharedGzip(), number % len(pieces)) for number in range(streams)]
    sent = [b""] * streams
    for place, piece in enumerate(pieces):
        for number, (stream, began) in enumerate(crowd):
            if place >= began:
                sent[number] += stream.add(piece)
    for (stream, began), packed in zip(crowd, sent, strict=True):
        assert gzip.decompress(packed + stream.end()) == b"".join(pieces[began:])


async def test_who_is_gone_and_was_told_of_nothing_keeps_nobody_looking(
    looked, monkeypatch
):
    """The home could not be told as they joined, so that nobody gives their queue back."""
    live = Live(looked.engine, Shared())
    live.start()
    with monkeypatch.context() as patched:
        patched.setattr(live, "_home", Mock(side_effect=RuntimeError("no home")))
        with pytest.raises(RuntimeError, match="no home"):
            live.join(gone=lambda: True)
    live._look_who_is_gone()
    assert live.listeners == 0
    assert live._look is None
    live.stop()
