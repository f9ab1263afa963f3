"""How answers go over the wire: compressed, and not again where they are known."""

import gzip
import re
from importlib.resources import files
from urllib.parse import urljoin

import aiohttp
import orjson
import pytest

from switchbot_automation.languages import LANGUAGES
from switchbot_automation.web.page import NAMES
from switchbot_automation.web.request import HEADERS

CHART = "api/zones/office/history?hours=9&points=108"
FIRST_LOAD_BYTES = 60_000
DAY_CHART_BYTES = 4_000


@pytest.fixture
def wire(http):
    """Ask as a browser does; return the answer and its bytes as they came."""

    async def asked(url, accept="gzip, deflate, br", **headers):
        headers = {key.replace("_", "-"): value for key, value in headers.items()}
        headers["Accept-Encoding"] = accept
        async with http.get(url, headers=headers) as answer:
            return answer, await answer.read()

    return asked


@pytest.fixture
async def http():
    """A client that leaves what came as it came."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


@pytest.mark.parametrize("path", ["api/zones", CHART, "static/page.js", ""])
async def test_what_is_long_is_compressed_for_who_takes_it(home, wire, path):
    async with home.serve() as url:
        packed, small = await wire(f"{url}{path}")
        plain, large = await wire(f"{url}{path}", accept="identity")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert packed.headers["Vary"] == plain.headers["Vary"]
    assert gzip.decompress(small) == large
    assert len(small) < len(large) / 2


@pytest.mark.parametrize(
    "accept", ["", "br", "deflate", "gzip;q=0", "*;q=0", "gzip;q=0, *", "gzip;q=no"]
)
async def test_who_does_not_take_gzip_gets_none(home, wire, accept):
    async with home.serve() as url:
        for path in ("api/zones", "static/page.js"):
            answer, body = await wire(f"{url}{path}", accept=accept)
            assert "Content-Encoding" not in answer.headers
            assert body.decode()


@pytest.mark.parametrize("accept", ["gzip;q=0.1", "*", "X-GZIP", "br, *;q=0.5"])
async def test_who_takes_anything_takes_gzip(home, wire, accept):
    async with home.serve() as url:
        for path in ("api/zones", "static/page.js"):
            answer, _ = await wire(f"{url}{path}", accept=accept)
            assert answer.headers["Content-Encoding"] == "gzip"


async def test_what_is_short_or_small_already_is_sent_as_it_is(home, wire):
    async with home.serve() as url:
        for path in ("static/icon.svg", "static/icon-192.png"):
            answer, _ = await wire(f"{url}{path}")
            assert answer.status == 200
            assert "Content-Encoding" not in answer.headers


async def test_a_stream_comes_as_it_happens(home, http):
    async with (
        home.serve() as url,
        http.get(f"{url}api/events", headers={"Accept-Encoding": "gzip"}) as answer,
    ):
        assert "Content-Encoding" not in answer.headers
        assert await answer.content.readline() == b"retry: 3000\n"


@pytest.mark.parametrize(
    "path",
    [
        "api/zones",
        "api/zones/office/history?start=2026-01-12T03:00:00Z&end=2026-01-12T08:00:00Z",
        "api/zones/office/decisions",
        "api/zones/office/days",
        "static/page.js",
        "static/app.webmanifest",
        "",
        "login",
    ],
)
@pytest.mark.parametrize("accept", ["gzip", "identity"])
async def test_what_did_not_change_is_not_sent_again(home, wire, path, accept):
    async with home.serve() as url:
        first, body = await wire(f"{url}{path}", accept=accept)
        assert body
        etag = first.headers["ETag"]
        for given in (etag, f'"another", {etag}'):
            again, body = await wire(f"{url}{path}", accept, If_None_Match=given)
            assert (again.status, body) == (304, b"")
            assert again.headers["ETag"] == etag
            # A browser takes over what it is told of what it has: a policy for what is no
            # page would end the page.
            for name in ("Vary", "Cache-Control", *HEADERS):
                assert again.headers[name] == first.headers[name]
            assert "no-store" not in again.headers["Cache-Control"]
        other, body = await wire(f"{url}{path}", accept, If_None_Match='"another"')
        assert (other.status, bool(body)) == (200, True)


async def test_the_time_alone_is_no_news_and_a_tick_is(home, wire):
    async with home.serve() as url:
        first, _ = await wire(f"{url}api/zones")
        etag = first.headers["ETag"]
        await home.clock.sleep(1)
        same, _ = await wire(f"{url}api/zones", If_None_Match=etag)
        assert same.status == 304
        await home.live(0.2)
        news, body = await wire(f"{url}api/zones", If_None_Match=etag)
        assert news.status == 200
        assert orjson.loads(gzip.decompress(body))["at"]


async def test_nobody_else_may_keep_what_a_home_says(home, wire):
    async with home.serve() as url:
        for path in ("api/zones", CHART):
            answer, _ = await wire(f"{url}{path}")
            assert answer.headers["Cache-Control"] == "private, no-cache"
        answer, _ = await wire(f"{url}api/settings")
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", [each for each in NAMES if each.endswith(".js")])
async def test_scripts_come_without_comments_and_on_the_same_lines(bare, wire, name):
    source = (files("switchbot_automation.web") / "static" / name).read_text()
    async with bare.serve() as url:
        _answer, body = await wire(f"{url}static/{name}", accept="identity")
    sent = body.decode()
    kept = [
        "" if each.lstrip().startswith("//") else each for each in source.split("\n")
    ]
    assert sent.split("\n") == kept


async def first_load(wire, url, language):
    """Return the bytes of everything a browser may ask for at first, by path."""
    waiting, seen = [url], {}
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        answer, body = await wire(at, Accept_Language=language)
        assert answer.status == 200, at
        head = sum(len(k) + len(v) + 4 for k, v in answer.headers.items())
        seen[at] = len(body) + head
        if answer.content_type not in {"text/html", "text/javascript"}:
            continue
        packed = "Content-Encoding" in answer.headers
        text = (gzip.decompress(body) if packed else body).decode()
        found = re.findall(r'(?:src|href)="(static/[^"]+)"', text)
        found += re.findall(r'from "(\./[^"]+)"', text)
        waiting += [urljoin(at, each) for each in found]
    return seen


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_first_load_is_small(pictured, wire, language):
    room = "api/zones/living%20room"
    asked = (
        "api/zones",
        f"{room}/history?hours=24&points=288&shape=columns",
        f"{room}/decisions?hours=24&limit=200",
    )
    async with pictured.serve() as url:
        seen = await first_load(wire, url, language)
        loaded = {each.rpartition("/")[2] for each in seen}
        scripts = {each for each in NAMES if each.endswith((".js", ".css"))}
        # What only opens when a person asks for it comes then.
        later = {"days.js", "find.js", "settings.js", "table.js", "upkeep.js"}
        assert scripts - loaded == later
        for path in asked:
            answer, body = await wire(f"{url}{path}", Accept_Language=language)
            assert answer.status == 200
            seen[path] = len(body)
    assert seen[asked[1]] < DAY_CHART_BYTES
    assert sum(seen.values()) < FIRST_LOAD_BYTES, seen
