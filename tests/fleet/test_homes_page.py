"""The page of all homes by what is wrong with them, over HTTP."""

import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from html import escape

import aiohttp
import pytest

from switchbot_automation.fleet.overview import fleet_overview, survey
from switchbot_automation.fleet.page import serve_homes
from switchbot_automation.fleet.summary import LEFT
from switchbot_automation.languages import error_words, speaking, worded
from switchbot_store import HomeStore, MemoryStore, ThreadedStore
from switchbot_store.languages import packed

NOW = datetime(2026, 1, 12, 12, 0, tzinfo=UTC)
TOKEN = "a-token-of-the-tests-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def leave(store, home, status="ok", *, late=False, rooms=(), problem=None):
    wakeup = NOW + timedelta(hours=-1 if late else 1)
    document = {
        "at": "2026-01-12T11:59:00+00:00",
        "next_wakeup": wakeup.isoformat(),
        "late_seconds": 0.25,
        "status": status,
        "rooms": 2,
        "not_kept": [
            {
                "zone": zone,
                "status": "not_kept",
                "since": "2026-01-12T09:00:00+00:00",
                "reasons": ["outdoor_too_cold"],
                "advice": "see",
            }
            for zone in rooms
        ],
        "problem": problem,
    }
    HomeStore(store, home).set(LEFT, document)


class Counted(MemoryStore):
    """A store that counts the questions for all keys."""

    asked = 0

    def keys_with(self, *words, **options):
        self.asked += 1
        return super().keys_with(*words, **options)


@pytest.fixture
def store():
    made = Counted()
    leave(made, "well")
    leave(made, "dark", late=True)
    leave(made, "<b>", "error", problem="mode: 7 & <script>")
    leave(made, "cold", "degraded", rooms=["living"])
    return made


@asynccontextmanager
async def opened(store, **options):
    """The page's address, and a client that keeps no cookies."""
    options.setdefault("token", TOKEN)
    async with (
        ThreadedStore(store) as calls,
        serve_homes(calls, port=0, now=lambda: NOW, **options) as url,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        yield url, http


async def shown(http, url, query="", status=200, **headers):
    async with http.get(f"{url}{query}", headers=BEARER | headers) as answer:
        assert answer.status == status
        return await answer.text()


def homes_of(page):
    return re.findall(r'<th scope="row">(.*?)</th>', page)


async def test_homes_are_shown_by_what_is_wrong_the_worst_first(store):
    async with opened(store) as (url, http):
        page = await shown(http, url)
        assert homes_of(page) == ["dark", "&lt;b&gt;", "cold"]
        assert "mode: 7 &amp; &lt;script&gt;" in page
        assert "<script" not in page
        assert "living: not kept" in page
        assert "Mon 2026-01-12 09:00:00 UTC" in page
        for kind, homes in (
            ("late", ["dark"]),
            ("error", ["&lt;b&gt;"]),
            ("not_kept", ["cold"]),
        ):
            assert homes_of(await shown(http, url, f"?kind={kind}")) == homes
        await shown(http, url, "?kind=nothing", status=422)
        await shown(http, url, "?page=0", status=422)
        await shown(http, url, "?page=11", status=422)
        assert store.asked == 1


async def test_nobody_sees_a_home_without_the_token(store):
    """Neither a home's name nor how many there are; with it one logs in as elsewhere."""
    async with opened(store) as (url, http):
        async with http.get(url, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "login")
            assert "dark" not in await answer.text()
        wrong = {"Authorization": "Bearer another-token-0123456789"}
        async with http.get(url, headers=wrong, allow_redirects=False) as answer:
            assert answer.status == 303
        for path in ("nowhere", "api/zones", "static/nothing.js"):
            async with http.get(f"{url}{path}") as answer:
                assert answer.status in {401, 404}
        async with http.post(
            f"{url}login", data={"token": TOKEN}, allow_redirects=False
        ) as answer:
            assert answer.status == 303
            cookie = answer.cookies["switchbot_session"].value
        session = {"Cookie": f"switchbot_session={cookie}"}
        async with http.get(url, headers=session) as answer:
            page = await answer.text()
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Cache-Control"] == "no-store"
        assert homes_of(page)
        assert 'action="logout"' in page
        assert TOKEN not in page
        async with http.post(
            f"{url}logout", headers=session, allow_redirects=False
        ) as answer:
            assert answer.status == 303
        async with http.get(url, headers=session, allow_redirects=False) as answer:
            assert answer.status == 303
        async with http.get(f"{url}static/style.css") as answer:
            assert answer.status == 200


async def test_beyond_this_machine_somebody_has_to_be_known(store):
    with pytest.raises(ValueError, match="without a token"):
        async with serve_homes(ThreadedStore(MemoryStore()), "0.0.0.0", 0):
            pass
    async with opened(store, token=None) as (url, http):
        assert homes_of(await shown(http, url))
        async with http.get(
            url, headers={"X-Forwarded-For": "192.0.2.1"}, allow_redirects=False
        ) as answer:
            assert answer.status == 403


async def test_however_many_homes_are_wrong_a_page_has_as_many_rows(store):
    for number in range(1300):
        leave(store, f"{number:04}", "degraded")
    async with opened(store) as (url, http):
        page = await shown(http, url, "?kind=degraded")
        assert len(homes_of(page)) == 50
        assert "1 to 50 of 1301" in page
        assert "Only the 500 worst are shown." in page
        assert 'rel="next" href="./?kind=degraded&amp;page=2"' in page
        assert 'rel="prev"' not in page
        last = await shown(http, url, "?kind=degraded&page=10")
        assert "451 to 500 of 1301" in last
        assert 'rel="next"' not in last
        assert not set(homes_of(page)) & set(homes_of(last))
        assert len(homes_of(await shown(http, url, "?kind=late&page=10"))) == 0


def test_what_is_kept_of_all_homes_is_bounded(store):
    for number in range(1300):
        leave(store, f"{number:04}", "degraded", late=number % 2 == 1)
    found = survey(store, NOW, most=20)
    assert found.homes == 1304
    assert found.sizes == {
        "wrong": 1303,
        "late": 651,
        "error": 1,
        "degraded": 651,
        "not_kept": 1,
        "shared": 0,
    }
    assert {kind: len(homes) for kind, homes in found.worst.items()} == {
        "wrong": 20,
        "late": 20,
        "error": 1,
        "degraded": 20,
        "not_kept": 1,
        "shared": 0,
    }
    # The one with a room that is known to be cold goes before those of no instant.
    assert found.worst["degraded"][0].home == "cold"


@pytest.mark.parametrize("stored", [7, [], ["x"], ["x", "no.such", "y", []], {"a": 1}])
async def test_a_problem_that_nobody_wrote_costs_no_page(store, stored):
    leave(store, "odd", "error", problem=stored)
    async with opened(store) as (url, http):
        page = await shown(http, url, **{"Accept-Language": "de"})
    assert "odd" in homes_of(page)


async def test_what_is_wrong_with_a_home_is_told_in_the_readers_language(store):
    problem = worded("expected a number, got {value}", value=7)
    leave(store, "typo", "error", problem=packed(problem))
    worst = {each["home"]: each for each in fleet_overview(store, NOW)["worst"]}
    assert worst["typo"]["problem"] == "expected a number, got 7"
    async with opened(store) as (url, http):
        for language in ("en", "fr", "ja", "de"):
            with speaking(language):
                words = error_words(problem)
            page = await shown(http, url, **{"Accept-Language": language})
            assert escape(words) in page, language


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Homes", "all that is wrong", "not kept", "since")),
        ("de", ("Zuhause", "alles, was nicht stimmt", "überfällig", "seit")),
        ("fr", ("Logements", "tout ce qui ne va pas", "en retard", "depuis")),
        ("ja", ("問題のあるすべて", "遅延", "理由")),
    ],
)
async def test_the_page_of_homes_is_that_of_the_browsers_language(
    store, language, words
):
    async with opened(store) as (url, http):
        page = await shown(http, url, **{"Accept-Language": language})
    assert f'<html lang="{language}">' in page
    assert [each for each in words if each not in page] == []
