"""Requests that mean harm: paths, sizes, slowness, pushed nonsense; and what is logged."""

import asyncio
import logging

import orjson
import pytest

from switchbot_automation.web import redacted_path
from switchbot_automation.web.request import BODY_BYTES

SECRET = "a-secret-path-of-the-tests-0123456789"


async def raw(url, request, *, more=(), pause=0.0):
    """Send bytes as they are; return all that is answered until the end."""
    host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request.replace(b"HOST", f"{host}:{port}".encode()))
        for chunk in more:
            await asyncio.sleep(pause)
            writer.write(chunk)
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/..%5capp.py",
        "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/static//etc/passwd",
        "/static/%00",
        "/static/login.html",
        "/static/",
        "/static/page.js/",
        "//etc/passwd",
        "/../../etc/passwd",
    ],
)
async def test_no_path_leads_out_of_the_pages_files(looked, path):
    request = f"GET {path} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"
    async with looked.serve() as url:
        answer = await raw(url, request.encode())
    assert answer.split(b" ", 2)[1] in {b"404", b"400"}
    assert b"root:" not in answer
    assert b"import" not in answer


async def test_a_file_that_did_not_change_is_not_sent_again(looked, http):
    async with looked.serve() as url:
        async with http.get(f"{url}static/page.js") as answer:
            etag = answer.headers["ETag"]
            assert len(await answer.read()) > 1000
        known = {"If-None-Match": etag}
        async with http.get(f"{url}static/page.js", headers=known) as answer:
            assert (answer.status, await answer.read()) == (304, b"")


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
async def test_a_body_that_is_too_long_is_not_read_to_its_end(looked, declared):
    async with looked.serve() as url:
        request = (
            b"POST /api/zones/office/actions HTTP/1.1\r\nHost: HOST\r\n"
            b"Content-Type: application/json\r\n"
        )
        if declared:
            answer = await raw(url, request + b"Content-Length: 20000000\r\n\r\n{")
        else:
            chunk = b"2710\r\n" + b" " * 10_000 + b"\r\n"
            chunks = [chunk] * (BODY_BYTES // 10_000 + 2)
            start = request + b"Transfer-Encoding: chunked\r\n\r\n"
            answer = await raw(url, start, more=chunks)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()


async def test_a_body_that_comes_too_slowly_is_given_up(looked):
    start = (
        b"POST /api/zones/office/actions HTTP/1.1\r\nHost: HOST\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    )
    async with looked.serve(body_seconds=0.1) as url:
        answer = await raw(url, start, more=[b"{", b'"'], pause=0.02)
        assert answer.startswith(b"HTTP/1.1 408")
        # Nobody else had to wait for it.
        assert len(looked.engine.overview()["zones"]) == 2


async def test_a_connection_that_never_asks_is_closed(looked, get):
    async with looked.serve(first_request_seconds=0.1) as url:
        assert await raw(url, b"") == b""
        assert await raw(url, b"GET / HTTP/1.1\r\nHost: HO") == b""
        await get(f"{url}healthz")


async def test_a_probe_may_ask_for_the_head_alone(looked, http):
    async with looked.serve() as url:
        async with http.head(f"{url}healthz") as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        async with http.head(f"{url}api/events") as answer:
            assert answer.status == 405


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'"off"', {}, 400),
        (b"[" * 50_000, {}, 400),
        (b'{"action": "\xff"}', {}, 400),
        (b'{"action": NaN}', {}, 400),
        (b"{}", {"Content-Encoding": "gzip"}, 415),
        (b"{}", {"Content-Type": "text/plain"}, 415),
    ],
)
async def test_a_body_that_is_no_object_is_refused(looked, http, body, headers, status):
    headers = {"Content-Type": "application/json", **headers}
    async with (
        looked.serve() as url,
        http.post(
            f"{url}api/zones/office/actions", data=body, headers=headers
        ) as answer,
    ):
        assert answer.status == status
        assert (await answer.json())["error"]


async def test_a_wrong_method_says_which_is_right(looked, http):
    async with looked.serve() as url, http.delete(f"{url}api/settings") as answer:
        assert answer.status == 405
        assert {"GET", "PUT"} <= set(answer.headers["Allow"].split(","))


async def test_a_handler_that_fails_answers_and_tells_nothing(
    looked, get, monkeypatch, caplog
):
    async def broken():
        raise RuntimeError("the secret of the handler")

    monkeypatch.setattr(looked.engine, "overview_in_turns", broken)
    async with looked.serve() as url:
        told = await get(f"{url}api/zones", 500)
    assert "secret" not in str(told)
    assert "the secret of the handler" in caplog.text


# --- push --------------------------------------------------------------------------


def event(home, temperature, seconds=0):
    at = home.clock.now().timestamp() + seconds
    return {
        "eventType": "changeReport",
        "eventVersion": "1",
        "context": {
            "deviceType": "WoMeter",
            "deviceMac": "C271111EC0AC",
            "temperature": temperature,
            "scale": "CELSIUS",
            "humidity": 40,
            "timeOfSample": int(at * 1000),
        },
    }


async def test_what_the_cloud_pushes_reaches_the_engine_once(looked, send, http):
    told = []
    looked.engine.subscribe(lambda one: told.append(one.kind))
    async with looked.serve(webhook_secret=SECRET) as url:
        hook = f"{url}webhook/{SECRET}"
        assert (await send(hook, event(looked, 18.2)))["taken"] is True
        again = await send(hook, event(looked, 18.2))
        assert again == {"taken": False, "refusal": "duplicate"}
        late = await send(hook, event(looked, 18.2, seconds=-3600))
        assert late["refusal"] == "too_old"
        async with http.get(f"{url}metrics") as answer:
            figures = await answer.text()
    assert told.count("webhook") == 1
    assert 'webhooks_total{result="taken"} 1.0' in figures
    assert 'webhooks_total{result="duplicate"} 1.0' in figures


async def test_a_push_of_nonsense_is_refused_and_harms_nothing(looked, http):
    async with looked.serve(webhook_secret=SECRET) as url:
        for body, status in (
            (b"", 400),
            (b"nonsense", 400),
            (b"[]", 400),
            (b"{}", 400),
            (orjson.dumps({"eventType": "x", "context": {}}), 400),
            (b" " * (70 * 1024), 413),
        ):
            async with http.post(f"{url}webhook/{SECRET}", data=body) as answer:
                assert answer.status == status


@pytest.mark.parametrize("secret", [SECRET, None])
async def test_a_wrong_path_is_no_path_and_looks_like_any_other(looked, http, secret):
    async with looked.serve(webhook_secret=secret) as url:
        answers = []
        for path in ("webhook/wrong", f"webhook/{SECRET}x", "webhook/é", "nothing"):
            async with http.post(f"{url}{path}", json=event(looked, 18)) as answer:
                answers.append((answer.status, await answer.json()))
    assert {status for status, _ in answers} == {404}
    assert all(body == answers[0][1] for _, body in answers)


async def test_the_access_log_holds_no_secret(looked, http, caplog):
    caplog.set_level(logging.DEBUG)
    # A command line that ran in this process may have made it quiet.
    caplog.set_level(logging.DEBUG, logger="aiohttp.access")
    async with looked.serve(webhook_secret=SECRET) as url:
        await (await http.post(f"{url}webhook/{SECRET}", json={})).read()
        await (await http.post(f"{url}webhook/{SECRET}/x", json={})).read()
        await (await http.get(f"{url}api/zones?token={SECRET}")).read()
    lines = [each for each in caplog.records if each.name == "aiohttp.access"]
    assert '"POST /webhook/…" 400' in lines[0].getMessage()
    assert '"GET /api/zones" 200' in lines[2].getMessage()
    assert SECRET not in "\n".join(
        each.getMessage()
        for each in caplog.records
        if each.name.startswith(("aiohttp", "switchbot"))
    )


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/webhook/s3cr3t", "/webhook/…"),
        ("/climate/webhook/s3cr3t/more?x=1", "/climate/webhook/…"),
        ("/api/zones?token=s3cr3t", "/api/zones"),
        ("/webhook/", "/webhook/"),
        ("/%77ebhook/s3cr3t", "/webhook/…"),
        ("/w%65bhook%2Fs3cr3t%2F", "/webhook/…"),
        ("/a%0Ab/webhook/s3cr3t", "/a%0Ab/webhook/…"),
        ("/api/zones", "/api/zones"),
    ],
)
def test_a_path_is_logged_without_what_is_secret_in_it(path, shown):
    assert redacted_path(path) == shown
