"""Who is answered: this machine, a token, a session, whom the host lets through."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from switchbot_automation.cloud.catalog import catalog
from switchbot_automation.web import create_app, serve
from switchbot_automation.web.credentials import Credentials
from switchbot_automation.web.guard import is_local
from switchbot_automation.web.routes import ROUTES

TOKEN = "a-token-of-the-tests-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
HOOK_SECRET = "a-secret-path-of-the-tests-0123456789"

NEEDS_A_PERSON = [
    "api/zones",
    "api/zones/office",
    "api/zones/office/history",
    "api/zones/office/explain",
    "api/settings",
    "api/events",
    "api/openapi.json",
    "metrics",
    "nothing/of/the/kind",
]


async def log_in(http, url, token=TOKEN, **options):
    return await http.post(
        f"{url}login", data={"token": token}, allow_redirects=False, **options
    )


# --- without a token ---------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        *[
            {name: "127.0.0.1"}
            for name in (
                *("True-Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "Client-IP"),
                *("Fly-Client-IP", "Fastly-Client-IP", "X-ProxyUser-Ip", "CDN-Loop"),
                *("X_Forwarded_For", "X-Original-Forwarded-For", "X-Original-URL"),
                *("X-Envoy-External-Address", "X-Original-Host", "CF-Connecting-IPv6"),
            )
        ],
        *[
            {"Host": host}
            for host in (
                *("[::1]evil.example", "127.0.0.1:80:evil.example", "127.0.0.1%2f"),
                *("[localhost]", "[127.0.0.1]", "localhost:evil", "[::1", "", ":80"),
                *("127.0.0.1.evil.example", "evil.example#localhost", "0.0.0.0"),
            )
        ],
        {"Via": "1.1 proxy"},
        {"X-Forwarded-Proto": "https"},
        {"CF-Connecting-IP": "127.0.0.1"},
        {"Host": "rebound.example.com"},
        {"Host": "localhost.example.com"},
        {"Host": "192.168.1.5"},
    ],
)
async def test_without_a_token_only_this_machine_itself_is_answered(
    looked, get, http, headers
):
    async with looked.serve(webhook_secret=HOOK_SECRET) as url:
        await get(f"{url}api/zones")
        await get(f"{url}api/zones", headers={"Host": "localhost:1"})
        for path in ("", "healthz", "static/page.js", "login", *NEEDS_A_PERSON):
            told = await get(f"{url}{path}", 403, headers=headers)
            assert told["error"] == "not_local"
        # The cloud comes through a proxy, and knows the path.
        async with http.post(
            f"{url}webhook/{HOOK_SECRET}", json={}, headers=headers
        ) as answer:
            assert answer.status == 400


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        (("127.0.0.1", 5), True),
        (("127.9.9.9", 5), True),
        (("::1", 5, 0, 0), True),
        (("::ffff:127.0.0.1", 5, 0, 0), True),
        (("192.168.1.5", 5), False),
        (("::ffff:192.168.1.5", 5, 0, 0), False),
        (("fe80::1%eth0", 5, 0, 0), False),
        ("", True),  # a Unix socket
        (None, False),
    ],
)
def test_the_peers_address_decides_what_is_this_machine(peer, local):
    transport = SimpleNamespace(get_extra_info=lambda _name: peer)
    request = make_mocked_request(
        "GET", "/", headers={"Host": "localhost"}, transport=transport
    )
    assert is_local(request) is local


async def test_nobody_listens_beyond_this_machine_without_a_token(looked):
    with pytest.raises(ValueError, match="without a token"):
        async with serve(looked.engine, "0.0.0.0", 0):
            pass
    async with serve(looked.engine, "0.0.0.0", 0, token=TOKEN):
        pass


# --- with a token ------------------------------------------------------------------


async def test_with_a_token_nothing_is_told_to_who_does_not_know_it(looked, get):
    async with looked.serve(token=TOKEN) as url:
        for wrong in (
            {},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": TOKEN},
        ):
            for path in NEEDS_A_PERSON:
                told = await get(f"{url}{path}", 401, headers=wrong)
                assert told["error"] == "unauthorized"
        assert (await get(f"{url}api/zones", headers=BEARER))["login"] is True
        await get(f"{url}nothing/of/the/kind", 404, headers=BEARER)


async def test_a_person_logs_in_and_out_with_a_cookie_no_script_can_read(looked, http):
    async with looked.serve(token=TOKEN) as url:
        async with http.get(url, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "login")
        async with http.get(f"{url}login") as answer:
            assert "password" in await answer.text()
        answer = await log_in(http, url, "wrong")
        assert (answer.status, "Set-Cookie" in answer.headers) == (401, False)
        answer = await log_in(http, url)
        assert (answer.status, answer.headers["Location"]) == (303, "./")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Path=/;" in cookie
        assert "Secure" not in cookie
        assert TOKEN not in cookie
        session = {"Cookie": cookie.partition(";")[0]}
        async with http.get(f"{url}api/zones", headers=session) as answer:
            assert answer.status == 200
        answer = await http.post(f"{url}logout", headers=session, allow_redirects=False)
        assert answer.status == 303
        assert "switchbot_session=" in answer.headers["Set-Cookie"]


async def told_of_the_home(stream):
    while b"event: home" not in await stream.content.readuntil(b"\n\n"):
        pass


async def test_who_logged_out_is_told_nothing_more(home, http):
    async with home.serve(token=TOKEN) as url:
        cookie = (await log_in(http, url)).headers["Set-Cookie"].partition(";")[0]
        own = {"Cookie": cookie}
        other = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            http.get(f"{url}api/events", headers=own) as ends,
            http.get(f"{url}api/events", headers=other) as goes_on,
        ):
            for each in (ends, goes_on):
                await told_of_the_home(each)
            await http.post(f"{url}logout", headers=own, allow_redirects=False)
            await home.engine.set_temperature("office", low=18, high=19)
            await home.live(0.2)
            async with asyncio.timeout(10):
                rest = await ends.content.read()
                assert b"event: home" not in rest
                await told_of_the_home(goes_on)


@pytest.mark.parametrize(
    ("headers", "secure"),
    [
        ({"X-Forwarded-Proto": "https"}, True),
        ({"X-Forwarded-Proto": "HTTPS , http"}, True),
        ({"Forwarded": 'for=192.0.2.7;proto="https";by=x, for=10.0.0.1'}, True),
        ({"Forwarded": "for=192.0.2.7, for=10.0.0.1; Proto=https"}, True),
        # A proxy that says nothing: the browser does.
        ({"Origin": "https://{host}"}, True),
        ({"Origin": "http://{host}"}, False),
        ({"X-Forwarded-Proto": "http", "Forwarded": "for=https"}, False),
    ],
)
async def test_behind_https_a_session_is_never_sent_without(
    looked, http, headers, secure
):
    async with looked.serve(token=TOKEN) as url:
        host = url.partition("://")[2].strip("/")
        said = {name: value.replace("{host}", host) for name, value in headers.items()}
        answer = await log_in(http, url, headers=said)
    assert answer.status == 303
    assert ("Secure" in answer.headers["Set-Cookie"]) is secure


async def test_a_session_ends_with_its_time_its_token_or_a_changed_letter(looked, get):
    good = Credentials(TOKEN).new_session()
    other = Credentials("another-token-of-the-tests").new_session()
    old = Credentials(TOKEN, now=lambda: time.time() - 31 * 86400).new_session()
    expires, nonce, signature = good.split(".")
    later = f"{int(expires) + 9}.{nonce}.{signature}"
    async with looked.serve(token=TOKEN) as url:
        await get(f"{url}api/zones", headers={"Cookie": f"switchbot_session={good}"})
        for bad in (
            other,
            old,
            later,
            good[:-1],
            "",
            "..",
            "1.2.3",
            f"{'9' * 400}.a.b",
        ):
            cookie = {"Cookie": f"switchbot_session={bad}"}
            await get(f"{url}api/zones", 401, headers=cookie)


@pytest.mark.parametrize("token", ["", "short", " " * 40, "a-long-enough-token \n"])
def test_a_token_that_can_be_guessed_is_refused(looked, token):
    with pytest.raises(ValueError, match="token"):
        create_app(looked.engine, token=token)


@pytest.mark.parametrize(("secret", "loaded"), [(None, 0), (HOOK_SECRET, 1)])
def test_the_catalogue_is_loaded_before_the_first_event_and_only_for_events(
    looked, secret, loaded
):
    catalog._catalog.cache_clear()
    create_app(looked.engine, webhook_secret=secret)
    assert catalog._catalog.cache_info().currsize == loaded


def test_a_webhook_secret_that_can_be_guessed_is_refused(looked):
    with pytest.raises(ValueError, match="webhook_secret"):
        create_app(looked.engine, webhook_secret="guess")


# --- other sites -------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.example"},
    ],
)
@pytest.mark.parametrize("known", ["local", "session"])
async def test_a_page_of_another_site_changes_nothing(looked, send, headers, known):
    options = {"token": TOKEN} if known == "session" else {}
    if known == "session":
        session = Credentials(TOKEN).new_session()
        headers = {**headers, "Cookie": f"switchbot_session={session}"}
    before = looked.store.get("state/office")
    async with looked.serve(**options) as url:
        office = f"{url}api/zones/office/actions"
        told = await send(office, {"action": "off"}, 403, headers=headers)
        assert told["error"] == "cross_site"
        own = {
            **headers,
            "Origin": url.rstrip("/"),
            "Sec-Fetch-Site": "same-origin",
        }
        assert looked.store.get("state/office") == before
        await send(office, {"action": "off"}, headers=own)
    assert looked.store.get("state/office") != before


async def test_another_site_cannot_log_a_person_in_or_out(looked, http):
    evil = {"Origin": "https://evil.example"}
    async with looked.serve(token=TOKEN) as url:
        answer = await log_in(http, url, headers=evil)
        assert (answer.status, "Set-Cookie" in answer.headers) == (403, False)
        answer = await http.post(f"{url}logout", headers=evil)
        assert (answer.status, "Set-Cookie" in answer.headers) == (403, False)


async def test_a_form_of_another_site_cannot_even_be_read(looked, http):
    async with looked.serve() as url:
        for content_type in ("text/plain", "application/x-www-form-urlencoded"):
            async with http.post(
                f"{url}api/zones/office/actions",
                data=b'{"action": "off"}',
                headers={"Content-Type": content_type},
            ) as answer:
                assert answer.status == 415


async def test_another_site_may_link_here_and_not_embed_or_read(looked, get, http):
    linked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    read = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    async with looked.serve() as url:
        await get(f"{url}api/zones", 403, headers=read)
        async with http.get(url, headers=linked) as answer:
            assert answer.status == 200
            policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["Server"] == "switchbot-automation"
        assert "unsafe" not in policy
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "", "login", "static/page.js", "static/none", "api/zones", "api/nothing", "metrics",
        "healthz", "api/zones/office/history.csv", "webhook/wrong", "../x", "logout",
    ],
)  # fmt: skip
async def test_every_answer_says_what_a_browser_may_do_with_it(looked, http, path):
    """Whatever it is, errors and what is for programs included."""
    async with (
        looked.serve(token=TOKEN, webhook_secret=HOOK_SECRET) as url,
        http.get(f"{url}{path}", headers=BEARER, allow_redirects=False) as answer,
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] in {
            "no-store",
            "no-cache",
            "private, no-cache",
        }


# --- the host's own ----------------------------------------------------------------


@web.middleware
async def host_login(request, handler):
    if request.headers.get("X-User") != "somebody":
        raise web.HTTPForbidden
    return await handler(request)


@pytest.fixture
async def mounted(looked, aiohttp_address):
    """The application under a path of a host that authenticates."""
    app = web.Application(middlewares=[host_login])
    app.add_subapp("/climate/", create_app(looked.engine, host_authenticates=True))
    return await aiohttp_address(app)


async def test_a_host_mounts_it_behind_its_own_login(mounted, http, get):
    user = {"X-User": "somebody", "X-Forwarded-For": "203.0.113.5"}
    async with http.get(f"{mounted}climate/") as answer:
        assert answer.status == 403
    async with http.get(f"{mounted}climate", headers=user) as answer:
        assert answer.url.path == "/climate/"
        assert 'href="static/style.css"' in await answer.text()
    async with http.get(f"{mounted}climate/static/style.css", headers=user) as answer:
        assert answer.content_type == "text/css"
    told = await get(f"{mounted}climate/api/zones", headers=user)
    assert len(told["zones"]) == 2


async def test_a_mounted_session_is_only_sent_to_the_mount(
    looked, aiohttp_address, http
):
    app = web.Application()
    app.add_subapp("/climate/", create_app(looked.engine, token=TOKEN))
    host = await aiohttp_address(app)
    answer = await log_in(http, f"{host}climate/")
    assert "Path=/climate/;" in answer.headers["Set-Cookie"]


def test_a_token_beside_the_hosts_login_is_a_mistake(looked):
    with pytest.raises(ValueError, match="host authenticates"):
        create_app(looked.engine, token=TOKEN, host_authenticates=True)


async def test_two_applications_of_one_host_do_not_meet(looked, aiohttp_address, get):
    app = web.Application()
    app.add_subapp("/a", create_app(looked.engine))
    app.add_subapp("/b", create_app(looked.engine, read_only=True))
    host = await aiohttp_address(app)
    told = await asyncio.gather(get(f"{host}a/api/zones"), get(f"{host}b/api/zones"))
    assert [each["read_only"] for each in told] == [False, True]


def test_every_route_says_who_may_use_it_and_every_change_is_known_as_one():
    for route in ROUTES:
        if route.method in {"PUT", "POST", "DELETE", "PATCH"}:
            opens = route.path in {"/login", "/logout", "/webhook/{secret}"}
            assert route.writes or opens, route.path
