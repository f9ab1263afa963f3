"""People without a token use up their own budget, and never the owner's."""

import asyncio
import logging
import socket
import time
from contextlib import suppress

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.outside.bounds import Allowance
from switchbot_automation.web import access_log, create_app, rotate_token
from switchbot_automation.web.credentials import COOKIE, DOCUMENT, Credentials, Sessions
from switchbot_automation.web.guard import Entrance, Strangers, network_of
from switchbot_automation.web.porch import Porch
from switchbot_store import StoreUnavailableError
from switchbot_store.backup import back_up, restore

TOKEN = "a-token-of-the-tests-0123456789"
NEW_TOKEN = "a-newer-token-of-the-tests-0123"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SECRET = "a-secret-path-of-the-tests-0123456789"
NOBODY = b"GET /api/zones HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
OWNER = NOBODY[:-2] + f"Authorization: Bearer {TOKEN}\r\n\r\n".encode()


async def connect(url, source="127.0.0.1"):
    host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
    return await asyncio.open_connection(host, int(port), local_addr=(source, 0))


async def answer_to(connection, request):
    """Send a request and return its status and body; None where nobody answers."""
    reader, writer = connection
    with suppress(ConnectionError):
        writer.write(request)
        head = (await reader.read(65536)).decode()
        if not head:
            return None
        status = int(head.split()[1])
        length = int(head.lower().partition("content-length: ")[2].split()[0])
        body = head.partition("\r\n\r\n")[2]
        while len(body.encode()) < length:
            body += (await reader.read(65536)).decode()
        return status
    return None


async def is_closed(connection):
    async with asyncio.timeout(5):
        with suppress(ConnectionError):
            return not await connection[0].read(1)
    return True


def close(*connections):
    for _, writer in connections:
        writer.close()


# --- connections -------------------------------------------------------------------


async def test_a_stranger_is_shown_out_with_the_answer(looked):
    async with looked.serve(token=TOKEN) as url:
        for request, status in ((NOBODY, 401), (b"nonsense\r\n\r\n", 400)):
            one = await connect(url)
            assert await answer_to(one, request) == status
            assert await is_closed(one)
            close(one)
        owner = await connect(url)
        assert await answer_to(owner, OWNER) == 200
        assert await answer_to(owner, OWNER) == 200
        close(owner)


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 20000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nX\0Y: z\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_not_told_what_serves_it(looked, said):
    """aiohttp answers it by itself, and told its version and Python's."""
    async with looked.serve(token=TOKEN) as url:
        one = await connect(url)
        one[1].write(said)
        answer = (await one[0].read()).decode()
        close(one)
    assert answer.split()[1] == "400"
    assert "server: switchbot-automation\r\n" in answer.lower()
    assert "aiohttp" not in answer.lower()
    assert "python" not in answer.lower()
    assert "x-content-type-options: nosniff" in answer.lower()


async def test_the_oldest_stranger_makes_room_and_the_owner_never(looked, monkeypatch):
    monkeypatch.setattr("switchbot_automation.web.server.MOST_STRANGERS", 4)
    async with looked.serve(token=TOKEN) as url:
        owner = await connect(url)
        assert await answer_to(owner, OWNER) == 200
        knocking = [await connect(url, f"127.0.0.{n + 2}") for n in range(4)]
        late = await connect(url, "127.0.0.7")
        assert await is_closed(knocking[0])
        knocking += [await connect(url, "127.0.0.8") for _ in range(30)]
        # Two of one address: so the others keep theirs.
        assert await is_closed(knocking[-3])
        assert await answer_to(late, OWNER) == 200
        assert await answer_to(owner, OWNER) == 200
        close(owner, late, *knocking)


async def test_the_owner_gets_in_while_every_place_is_taken(looked, monkeypatch):
    monkeypatch.setattr("switchbot_automation.web.server.MOST_STRANGERS", 8)
    async with looked.serve(token=TOKEN) as url:
        slow = b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
        slow += b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        knocking = []
        for n in range(20):
            one = await connect(url, f"127.0.0.{n + 2}")
            one[1].write(slow)
            await one[1].drain()
            knocking.append(one)
        owner = await connect(url)
        assert await answer_to(owner, OWNER) == 200
        close(owner, *knocking)


def knocking(port, source, said=b""):
    """Connect, and say something, without a turn of the loop."""
    found = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
    found.sendall(said)
    return found


class NoSessions:
    def is_good(self, cookie):
        return False


@pytest.mark.parametrize("before", ["said", "connected"])
@pytest.mark.parametrize("from_one_address", [False, True])
async def test_no_crowd_between_two_turns_of_the_loop_keeps_the_owner_out(
    before, from_one_address
):
    """Hundreds who came later had the owner shown out before anybody heard the token."""
    let_in = asyncio.Queue()
    site = Entrance(credentials=Credentials(TOKEN), sessions=NoSessions())
    porch = Porch(
        site, lambda *visitor: let_in.put_nowait(visitor), seconds=60.0, most=8
    )
    port = await porch.open("127.0.0.1", 0)
    owner = knocking(port, "127.0.0.1", OWNER if before == "said" else b"")
    if before == "connected":
        while not porch._silent:  # noqa: ASYNC110 - the loop's own turns are meant
            await asyncio.sleep(0)
    crowd = [
        knocking(port, "127.0.0.1" if from_one_address else f"127.0.0.{n}", said)
        for n in range(2, 22)
        for said in (b"", NOBODY)
    ]
    if before == "connected":
        owner.sendall(OWNER)
    async with asyncio.timeout(10):
        while True:
            visitor, known = await let_in.get()
            peer = visitor.getpeername()
            visitor.close()
            if known:
                break
    assert peer == owner.getsockname()
    porch.close()
    while not let_in.empty():
        let_in.get_nowait()[0].close()
    for each in (owner, *crowd):
        each.close()


async def test_of_a_head_full_of_sessions_the_porch_looks_into_one():
    """Of each cost a digest, and a head has room for three hundred."""

    class Counted(NoSessions):
        asked = 0

        def is_good(self, cookie):
            self.asked += 1
            return cookie == "9"

    site = Entrance(credentials=Credentials(TOKEN), sessions=(sessions := Counted()))
    porch = Porch(site, lambda *_: None, seconds=1.0, most=9)
    many = f"{COOKIE}=1; " * 300
    head = f"GET / HTTP/1.1\r\nCookie: {many}\r\nCookie: {COOKIE}=9\r\n\r\n"
    assert not porch._is_trusted(head.encode())
    # Which one is the application's to say: the last of the first.
    assert sessions.asked == 1
    request = make_mocked_request(
        "GET", "/", headers={"Cookie": f"{COOKIE}=1; {COOKIE}=9"}
    )
    assert request.cookies[COOKIE] == "9"
    head = f"GET / HTTP/1.1\r\nCookie: {COOKIE}=1; {COOKIE}=9\r\n\r\n"
    assert porch._is_trusted(head.encode())


async def test_there_is_a_limit_to_how_many_of_those_known_connect(
    looked, get, monkeypatch
):
    monkeypatch.setattr("switchbot_automation.web.server.MOST_CONNECTIONS", 2)
    async with looked.serve() as url:
        known = [await connect(url) for _ in range(2)]
        for one in known:
            assert await answer_to(one, NOBODY) == 200
        more = await connect(url)
        assert await answer_to(more, NOBODY) is None
        close(more, *known)
        for one in known:
            await one[1].wait_closed()
        await get(f"{url}healthz")


SENDER = f"POST /webhook/{SECRET} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()
WHOLE = SENDER + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(SENDER, id="head that does not end"),
        pytest.param(
            SENDER + b"Content-Length: 9\r\n\r\n", id="body that does not come"
        ),
        pytest.param(
            SENDER + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", id="endless body"
        ),
        pytest.param(WHOLE, id="kept alive"),
        pytest.param(WHOLE * 50, id="pipelined and not read"),
        pytest.param(WHOLE + SENDER, id="second head that does not end"),
    ],
)
async def test_who_knows_the_webhooks_path_keeps_neither_owner_nor_cloud_out(
    looked, monkeypatch, said
):
    monkeypatch.setattr("switchbot_automation.web.server.MOST_CONNECTIONS", 8)
    monkeypatch.setattr("switchbot_automation.web.server.MOST_OF_ONE_SENDER", 3)
    async with looked.serve(token=TOKEN, webhook_secret=SECRET) as url:
        sending = [await connect(url) for _ in range(20)]
        for one in sending:
            one[1].write(said)
            await one[1].drain()
        cloud = await connect(url)
        # It is no event; and all who know the path share what may be sent there in a while,
        # which so many at once may have used up by then. It is heard and answered at once.
        assert await answer_to(cloud, WHOLE) in (
            {400, 429} if said == WHOLE * 50 else {400}
        )
        owner = await connect(url)
        assert await answer_to(owner, OWNER) == 200
        close(owner, cloud, *sending)


async def test_a_head_to_the_webhooks_path_that_does_not_end_is_not_waited_for(looked):
    options = {"token": TOKEN, "webhook_secret": SECRET}
    async with looked.serve(**options, first_request_seconds=0.1) as url:
        one = await connect(url)
        one[1].write(SENDER)
        assert await is_closed(one)
        close(one)


# --- requests ----------------------------------------------------------------------


@pytest.mark.parametrize("given", [b"\xff\xfe", b"\xed\xa0\x80", "é²".encode()])
@pytest.mark.parametrize(
    "header",
    [
        b"Cookie: switchbot_session=1.a.%s",
        b"Cookie: switchbot_session=9999999999.%s.0123",
        b"Cookie: switchbot_session=%s.a.b",
        b"Cookie: %s=1; switchbot_session=%s",
        b"Authorization: Bearer %s",
        b"Authorization: %s",
        b"Accept-Language: %s;q=%s",
        b"Accept-Encoding: %s",
        b"If-None-Match: %s",
        b"Sec-Fetch-Site: %s",
        b"Origin: https://%s",
        b"X-Forwarded-For: %s",
    ],
)
async def test_bytes_that_are_no_text_are_a_strangers_and_no_failure(
    looked, caplog, header, given
):
    """A failure is logged with its traceback, which strangers could fill a disk with."""
    line = header.replace(b"%s", given)
    request = b"GET /api/zones HTTP/1.1\r\nHost: home\r\n" + line + b"\r\n\r\n"
    async with looked.serve(token=TOKEN) as url:
        one = await connect(url)
        assert await answer_to(one, request) in {400, 401}
        close(one)
    assert "failed" not in caplog.text


async def test_a_token_of_any_letters_is_known_while_every_place_is_taken(
    looked, monkeypatch
):
    monkeypatch.setattr("switchbot_automation.web.porch._ONE_EVERY_SECONDS", 3600.0)
    token = "schlüssel-der-tests-ひみつ-0123456789"
    async with looked.serve(token=token) as url:
        first = await connect(url)
        assert await answer_to(first, NOBODY) == 401
        # The next stranger would wait for an hour.
        owner = await connect(url)
        said = f"GET /healthz HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}"
        assert await answer_to(owner, f"{said}\r\n\r\n".encode()) == 200
        close(first, owner)


async def statuses(http, method, url, times, **options):
    found = []
    for _ in range(times):
        async with http.request(
            method, url, allow_redirects=False, **options
        ) as answer:
            found.append(answer.status)
            await answer.read()
    return found


async def test_whoever_asks_again_and_again_without_a_token_is_told_to_wait(
    looked, http, get
):
    wrong = {"Authorization": f"Bearer {TOKEN}x"}
    async with looked.serve(token=TOKEN, public_health=True) as url:
        found = await statuses(http, "GET", f"{url}api/zones", 100, headers=wrong)
        assert set(found[:60]) == {401}
        assert set(found[60:]) >= {429}
        # From the very same address the owner is served, and a probe too.
        await get(f"{url}api/zones", headers=BEARER)
        assert await statuses(http, "GET", f"{url}healthz", 2) == [200, 200]


async def test_failed_log_ins_are_limited_and_the_right_token_is_not(looked, http):
    async with looked.serve(token=TOKEN) as url:
        wrong = {"token": "not-the-token-of-the-tests"}
        found = await statuses(http, "POST", f"{url}login", 30, data=wrong)
        assert found[:10] == [401] * 10
        assert set(found[10:]) >= {429}
        right = {"token": TOKEN}
        assert await statuses(http, "POST", f"{url}login", 1, data=right) == [303]


async def test_failed_log_ins_from_everywhere_are_limited_too_and_fill_no_log(
    looked, caplog
):
    form = b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n"
    form += b"Content-Type: application/x-www-form-urlencoded\r\n\r\n%s"
    found = []
    async with looked.serve(token=TOKEN) as url:
        for n in range(320):
            one = await connect(url, f"127.1.{n // 200}.{n % 200 + 1}")
            wrong = b"token=not-the-token-of-the-tests"
            found.append(await answer_to(one, form % (len(wrong), wrong)))
            close(one)
        right = f"token={TOKEN}".encode()
        one = await connect(url, "127.1.7.7")
        assert await answer_to(one, form % (len(right), right)) == 303
        close(one)
    # Another second gives another one.
    assert found[:300] == [401] * 300
    assert 429 in found[300:]
    lines = [each for each in caplog.records if "log in" in each.getMessage()]
    assert 100 <= len(lines) < 200


async def test_guessing_the_webhooks_path_is_limited_and_the_cloud_is_not(looked, http):
    async with looked.serve(webhook_secret=SECRET) as url:
        found = await statuses(http, "POST", f"{url}webhook/{SECRET}x", 100, json={})
        assert set(found[:60]) == {404}
        assert set(found[60:]) >= {429}
        found = await statuses(http, "POST", f"{url}webhook/{SECRET}", 3, json={})
        assert found == [400, 400, 400]


async def test_who_knows_the_webhooks_path_asks_so_often(looked, http, monkeypatch):
    """Nothing more is read then; and the next come in turn with those who know nothing."""
    monkeypatch.setattr("switchbot_automation.web.guard._EVENTS", (20, 0.001))
    async with looked.serve(token=TOKEN, webhook_secret=SECRET) as url:
        found = await statuses(http, "POST", f"{url}webhook/{SECRET}", 30, json={})
        assert found == [400] * 20 + [429] * 10
    site = Entrance(credentials=None, sessions=None, webhook_secret=SECRET)
    porch = Porch(site, lambda *_: None, seconds=1.0, most=9)
    let_in = []
    for _ in range(21):
        let_in.append(porch._sends_events(WHOLE))
        site.strangers.may_send("")
    assert let_in == [True] * 20 + [False]


@pytest.mark.parametrize(
    "said",
    [
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
        b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\nZ\r\n",
        SENDER + b"Content-Length: 9\r\n\r\n{",
        SENDER + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nZ\r\n",
    ],
    ids=["log-in", "log-in in pieces", "event", "event in pieces"],
)
async def test_a_body_that_breaks_off_is_nobody_s_mistake(looked, caplog, said):
    """It was told with the whole stack for each: whoever likes to fills the log so."""
    async with looked.serve(token=TOKEN, webhook_secret=SECRET) as url:
        for _ in range(3):
            one = await connect(url)
            one[1].write(said)
            one[1].write_eof()
            with suppress(ConnectionError):
                await one[0].read()
            close(one)
        owner = await connect(url)
        assert await answer_to(owner, OWNER) == 200
        close(owner)
    assert not [each for each in caplog.records if each.exc_info]


async def test_strangers_fill_no_log(looked, http, get, caplog, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(access_log, "_LINES", Strangers(now=lambda: now[0]))
    caplog.set_level(logging.INFO, logger="aiohttp.access")
    async with looked.serve(token=TOKEN, webhook_secret=SECRET) as url:
        await statuses(http, "GET", f"{url}api/zones", 40)
        await statuses(http, "POST", f"{url}webhook/wrong", 40)
        await statuses(http, "POST", f"{url}login", 40, data={"token": "x"})
        for _ in range(40):
            one = await connect(url)
            assert await answer_to(one, b"nonsense\r\n\r\n") == 400
            close(one)
        lines = [each for each in caplog.records if each.name == "aiohttp.access"]
        assert len(lines) == 10
        for _ in range(40):
            one = await connect(url)
            request = f"GET /webhook/{SECRET} HTTP/1.1\r\nA: \0\r\n\r\n".encode()
            assert await answer_to(one, request) == 400
            close(one)
        assert SECRET not in caplog.text
        assert len(caplog.records) <= 10 + 10 + 1
        for _ in range(40):
            await get(f"{url}api/zones", headers=BEARER)
        lines = [each for each in caplog.records if each.name == "aiohttp.access"]
        assert len(lines) == 50
        now[0] = 90.0
        await statuses(http, "GET", f"{url}api/zones", 1)
    assert "230 requests of strangers were not logged" in caplog.text


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 10)), min_size=1, max_size=80
    )
)
def test_a_budget_gives_no_more_than_it_says(taken):
    now = 0.0
    budget = Allowance(5, 0.5, now=lambda: now, all_at_once=8, all_per_second=1.0)
    given_to = dict.fromkeys("abc", 0)
    for key, seconds in taken:
        now += seconds
        given_to[key] += budget.take(key)
        assert all(each <= 5 + 0.5 * now + 1e-6 for each in given_to.values())
        assert sum(given_to.values()) <= 8 + now + 1e-6


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 3)), min_size=1, max_size=40
    )
)
def test_what_is_told_to_be_left_is_given(taken):
    now = 0.0
    budget = Allowance(3, 0.5, now=lambda: now)
    for key, seconds in taken:
        now += seconds
        left = budget.has_any(key)
        assert budget.take(key) is left


def test_a_flood_of_addresses_costs_no_memory():
    budget = Allowance(5, 0.5, now=lambda: 0.0)
    for number in range(10_000):
        budget.take(str(number))
    assert len(budget._left) <= 4096


def test_one_customers_addresses_count_as_one():
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1%eth0")
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")


# --- sessions ----------------------------------------------------------------------


async def logged_in(http, url, token=TOKEN):
    async with http.post(
        f"{url}login", data={"token": token}, allow_redirects=False
    ) as answer:
        assert answer.status == 303
        return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


async def log_out(http, url, session):
    assert await statuses(http, "POST", f"{url}logout", 1, headers=session) == [303]


async def test_who_logs_out_ends_the_session_for_whoever_has_its_cookie(
    looked, http, get
):
    async with looked.serve(token=TOKEN) as url:
        first, second = await logged_in(http, url), await logged_in(http, url)
        await log_out(http, url, first)
        await get(f"{url}api/zones", 401, headers=first)
        await get(f"{url}api/zones", headers=second)
    async with looked.serve(token=TOKEN) as url:  # as after a restart
        await get(f"{url}api/zones", 401, headers=first)
        await get(f"{url}api/zones", headers=second)
    stored = str(looked.store.get(DOCUMENT))
    assert first["Cookie"].partition("=")[2] not in stored
    assert first["Cookie"].split(".")[1] not in stored


async def test_a_restored_backup_begins_no_session_that_was_ended_since(
    looked, http, get, tmp_path
):
    """It had the sessions of its day, so that a log-out after it was undone."""
    store = looked.store
    async with looked.serve(token=TOKEN) as url:
        before, since = await logged_in(http, url), await logged_in(http, url)
        await log_out(http, url, before)
        back_up(store, None, tmp_path / "home.backup")
        await log_out(http, url, since)
    restore(store, None, tmp_path / "home.backup")
    async with looked.serve(token=TOKEN) as url:
        await get(f"{url}api/zones", 401, headers=before)
        await get(f"{url}api/zones", 401, headers=since)


async def test_sessions_that_an_older_release_ended_are_kept_from_backups_too(looked):
    credentials = Credentials(TOKEN)
    ended = {"a": int(time.time()) + 1000}
    looked.store.set(DOCUMENT, {"ended": ended})
    async with Sessions(credentials, looked.engine.store), asyncio.timeout(5):
        while "only_grows" not in looked.store.get(DOCUMENT):  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert looked.store.get(DOCUMENT) == {"only_grows": True, "ended": ended}


async def test_a_log_out_ends_the_session_at_every_process_of_the_store(
    looked, http, get, monkeypatch
):
    monkeypatch.setattr("switchbot_automation.web.credentials._AGAIN_SECONDS", 0.01)
    async with looked.serve(token=TOKEN) as one, looked.serve(token=TOKEN) as other:
        session, kept = await logged_in(http, one), await logged_in(http, one)
        await get(f"{other}api/zones", headers=session)
        await log_out(http, one, session)
        async with asyncio.timeout(5):
            while True:
                async with http.get(f"{other}api/zones", headers=session) as answer:
                    if answer.status == 401:
                        break
        await get(f"{other}api/zones", headers=kept)


async def test_while_the_store_is_away_a_log_out_ends_the_session_all_the_same(
    looked, http, get, monkeypatch
):
    store = looked.store
    true_update = store.update

    def away(*_args, **_options):
        raise StoreUnavailableError("away")

    monkeypatch.setattr("switchbot_automation.web.credentials._AGAIN_SECONDS", 0.01)
    async with looked.serve(token=TOKEN) as url:
        session = await logged_in(http, url)
        monkeypatch.setattr(store, "update", away)
        await log_out(http, url, session)
        await get(f"{url}api/zones", 401, headers=session)
        assert "ended" not in store.get(DOCUMENT)
        monkeypatch.setattr(store, "update", true_update)
        async with asyncio.timeout(5):
            while "ended" not in store.get(DOCUMENT):
                await get(f"{url}api/zones", 401, headers=session)


async def test_until_the_store_told_which_sessions_ended_no_older_one_is_taken(
    looked, monkeypatch
):
    def away(*_args, **_options):
        raise StoreUnavailableError("away")

    credentials = Credentials(TOKEN)
    cookie = {"Cookie": f"{COOKIE}={credentials.new_session()}"}
    request = make_mocked_request("GET", "/", headers=cookie)
    store = looked.store
    monkeypatch.setattr("switchbot_automation.web.credentials._AGAIN_SECONDS", 0.01)
    with monkeypatch.context() as absent:
        absent.setattr(store, "get", away)
        sessions = Sessions(
            credentials, looked.engine.store, now=lambda: time.time() + 60
        )
        async with sessions:
            assert not sessions.has_session(request)
            absent.undo()
            async with asyncio.timeout(5):
                while True:
                    if sessions.has_session(request):
                        break
                    await asyncio.sleep(0)


async def test_a_token_is_rotated_without_a_restart(looked, http, get, aiohttp_address):
    app = create_app(looked.engine, token=TOKEN)
    url = await aiohttp_address(app)
    session = await logged_in(http, url)
    rotate_token(app, NEW_TOKEN, TOKEN)
    newer = await logged_in(http, url, NEW_TOKEN)
    for known in (BEARER, session, newer):
        await get(f"{url}api/zones", headers=known)
    with pytest.raises(ValueError, match="at least 16"):
        rotate_token(app, "short")
    rotate_token(app, NEW_TOKEN)
    for stranger in (BEARER, session):
        await get(f"{url}api/zones", 401, headers=stranger)
    await get(f"{url}api/zones", headers=newer)
    bearer = {"Authorization": f"Bearer {NEW_TOKEN}"}
    await get(f"{url}api/zones", headers=bearer)


def test_without_a_token_there_is_none_to_rotate(looked):
    with pytest.raises(ValueError, match="without one"):
        rotate_token(create_app(looked.engine), NEW_TOKEN)
