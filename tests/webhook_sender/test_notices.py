"""Notices of the settings' notifiers: what is posted where, and what nobody may read."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation import AutomationEngine
from switchbot_automation.engine.act.http_hook import WebhookSender
from switchbot_automation.engine.act.notifiers import Notifiers, request_of
from switchbot_automation.errors import SettingsError, WebhookError
from switchbot_automation.settings.model import NotifierSettings
from switchbot_automation.settings.read import check_settings, parse_settings
from switchbot_automation.settings.secrets import MASKS, masked
from switchbot_automation.simulation import SimulatedHome, default_settings
from switchbot_store import MemoryStore

LOOPBACK = ["127.0.0.1"]
TOKEN = "tk-hunter2-hunter2"
NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)


@asynccontextmanager
async def taker(code: int = 200):
    """Whoever takes notices; it keeps the request line, the headers and the object."""
    taken = SimpleNamespace(requests=[], url="")

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *headers = head.strip().split("\r\n")
        named = dict(each.split(": ", 1) for each in headers)
        body = await reader.readexactly(int(named["Content-Length"]))
        taken.requests.append((line, named, json.loads(body or b"null")))
        writer.write(f"HTTP/1.1 {code} x\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    taken.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield taken
    finally:
        server.close()
        await server.wait_closed()


def notifiers_of(own=None, sender=None, **configured) -> Notifiers:
    settings = parse_settings({"notifiers": configured}) if configured else None
    documents = SimpleNamespace(life=SimpleNamespace(settings=settings))
    return Notifiers(documents, own, sender)


def kinds(url: str):
    more = {"allowed_hosts": LOOPBACK}
    return {
        "hook": {"type": "webhook", "url": f"{url}/hook/s3cr3t-s3cr3t", **more},
        "phone": {"type": "ntfy", "url": f"{url}/my-topic", "token": TOKEN, **more},
        "hub": {"type": "home_assistant", "url": url, "token": TOKEN, **more}
        | {"service": "notify.mobile_app_phone"},
    }


async def test_each_kind_is_posted_as_its_taker_wants_it():
    async with taker() as taken:
        told = notifiers_of(sender=WebhookSender(), **kinds(taken.url))
        await told.notify("17 °C", title="Cold ☃")
    words = {"title": "Cold ☃", "message": "17 °C"}
    found = {line: (headers, body) for line, headers, body in taken.requests}
    assert found["POST /hook/s3cr3t-s3cr3t HTTP/1.1"][1] == words
    headers, body = found["POST / HTTP/1.1"]
    assert body == {**words, "topic": "my-topic"}
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    headers, body = found["POST /api/services/notify/mobile_app_phone HTTP/1.1"]
    assert body == words
    assert headers["Authorization"] == f"Bearer {TOKEN}"


async def test_one_that_fails_keeps_no_other_from_telling(caplog):
    async with taker() as good, taker(403) as bad:
        told = notifiers_of(
            sender=WebhookSender(),
            bad=kinds(bad.url)["phone"],
            good=kinds(good.url)["hook"],
        )
        with caplog.at_level(logging.WARNING):
            await told.notify("x")
        assert len(good.requests) == 1
        (problem,) = told.problems()
        assert "the notifier bad failed" in problem
        assert "403" in problem
        assert "bad" in caplog.text


async def test_where_none_takes_it_that_is_an_error_without_secrets():
    async with taker(500) as bad:
        told = notifiers_of(sender=WebhookSender(), **kinds(bad.url))
        with pytest.raises(WebhookError) as caught:
            await told.notify("x")
    said = repr(caught.value) + " ".join(told.problems())
    for secret in (TOKEN, "s3cr3t", "my-topic"):
        assert secret not in said


class Careless:
    """A host's own sender whose errors quote everything."""

    async def post_json(self, url, body, *, token, allowed_hosts):
        raise RuntimeError(f"{url} {token} {body} {allowed_hosts}")


async def test_a_hosts_own_sender_may_quote_what_it_likes():
    told = notifiers_of(sender=Careless(), **kinds("http://127.0.0.1:1"))
    with pytest.raises(WebhookError) as caught:
        await told.notify("x")
    said = repr(caught.value) + " ".join(told.problems())
    assert TOKEN not in said
    assert "s3cr3t" not in said


async def test_nobody_is_told_where_nothing_sends():
    class OnlyHooks:
        async def send(self, url, *, allowed_hosts):
            raise AssertionError(url)

    for sender in (None, OnlyHooks()):
        told = notifiers_of(sender=sender, **kinds("http://127.0.0.1:1"))
        assert not told.reaches
        await told.notify("x")
        assert "not used" in next(told.problems())
    assert not notifiers_of(sender=WebhookSender()).reaches
    assert list(notifiers_of(sender=WebhookSender()).problems()) == []


async def test_a_private_address_is_not_reached_unless_it_is_allowed():
    async with taker() as taken:
        hook = kinds(taken.url)["hook"]
        told = notifiers_of(sender=WebhookSender(), hook=hook)
        notifier = NotifierSettings("hook", "webhook", hook["url"])
        settings = SimpleNamespace(notifiers={"hook": notifier})
        told = Notifiers(
            SimpleNamespace(life=SimpleNamespace(settings=settings)),
            None,
            WebhookSender(),
        )
        with pytest.raises(WebhookError, match="not https"):
            await told.notify("x")
    assert taken.requests == []


# --- the settings ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notifier", "path"),
    [
        ({"type": "webhook"}, "url"),
        ({"url": "https://host.example/s3cr3t"}, "type"),
        ({"type": "pigeon", "url": "https://host.example/s3cr3t"}, "type"),
        ({"type": "webhook", "url": "http://host.example/s3cr3t"}, "url"),
        ({"type": "webhook", "url": "https://192.168.1.4/s3cr3t"}, "url"),
        ({"type": "webhook", "url": "s3cr3t"}, "url"),
        ({"type": "webhook", "url": 5}, "url"),
        ({"type": "webhook", "url": "https://host.example/s3cr3t\n"}, "url"),
        ({"type": "ntfy", "url": "https://ntfy.sh/"}, "url"),
        ({"type": "ntfy", "url": "https://ntfy.sh/s3cr3t/a"}, "url"),
        ({"type": "home_assistant", "url": "https://ha.example"}, "token"),
        (
            {
                "type": "home_assistant",
                "url": "https://ha.example/s3cr3t",
                "token": "x",
            },
            "url",
        ),
        (
            {"type": "webhook", "url": "https://host.example/x", "service": "a.b"},
            "service",
        ),
        (
            {"type": "home_assistant", "url": "https://ha.example", "token": "x"}
            | {"service": "notify"},
            "service",
        ),
        (
            {"type": "webhook", "url": "https://host.example/x", "token": "s3cr3t\r\n"},
            "token",
        ),
        (
            {"type": "webhook", "url": "https://host.example/x", "tokn": "y"},
            "tokn",
        ),
        # Both are one header, and no notice would ever go out.
        *[
            (
                {
                    "type": kind,
                    "url": f"https://me:s3cr3t@a.example{path}",
                    "token": "x",
                },
                "token",
            )
            for kind, path in [
                ("webhook", "/x"),
                ("ntfy", "/x"),
                ("home_assistant", ""),
            ]
        ],
    ],
)
def test_what_is_wrong_is_named_without_the_secret(notifier, path):
    (error,) = check_settings({"notifiers": {"phone": notifier}})
    assert error.path == f"notifiers.phone.{path}"
    assert "s3cr3t" not in str(error)


def test_secrets_are_hidden_wherever_they_are_shown_and_put_back():
    document = {"notifiers": kinds("https://host.example")}
    shown = MASKS.masked(document)
    for text in (str(shown), str(masked(document)), repr(parse_settings(document))):
        for secret in (TOKEN, "s3cr3t", "my-topic"):
            assert secret not in text
    assert MASKS.restored(shown, document) == document


def test_a_notifier_that_cannot_be_read_costs_itself_alone():
    from switchbot_automation.settings.salvage import salvage  # noqa: PLC0415

    good = kinds("http://127.0.0.1:1")
    found = salvage({"notifiers": {**good, "later": {"type": "carrier", "url": "x"}}})
    assert set(found.settings.notifiers) == set(good)
    assert [each.path for each in found.settings.set_aside] == ["notifiers.later"]


@given(st.text(max_size=5000), st.one_of(st.none(), st.text(max_size=50)))
def test_whatever_is_told_can_be_posted(message, title):
    for kind in ("webhook", "ntfy", "home_assistant"):
        notifier = NotifierSettings("it", kind, "https://host.example/topic", TOKEN)
        url, body = request_of(notifier, message, title)
        assert url.startswith("https://host.example/")
        assert TOKEN not in url
        assert json.loads(json.dumps(body)) == body
        assert title is None or body["title"] == title
        assert message.startswith(body["message"])


# --- rules ------------------------------------------------------------------------------------

NOTICE = {
    "id": "it",
    "triggers": {"trigger": "time", "at": "00:00"},
    "actions": {"action": "notify", "message": "hello from $rule"},
}


async def engine_told(document, **given):
    home, store = SimulatedHome(season="winter"), MemoryStore()
    store.set("settings", document)
    async with AutomationEngine(home, store, clock=home.clock, **given) as engine:
        await engine.run_once()
        trace = await engine.run_rule("it")
        return trace, await engine.health()


async def test_a_rule_tells_through_the_settings():
    document = default_settings("winter") | {"rules": [NOTICE]}
    async with taker() as taken:
        document["notifiers"] = {"hook": kinds(taken.url)["hook"]}
        trace, health = await engine_told(document, webhook_sender=WebhookSender())
        assert trace["outcome"] == "finished", trace
        assert [body["message"] for _, _, body in taken.requests] == ["hello from it"]
        assert health["rules"]["problems"] == []
        # A simulation, a replay and a backtest are given nothing that sends.
        trace, health = await engine_told(document)
        assert trace["outcome"] == "failed"
        assert "there is no notifier" in str(trace["steps"])
        assert any("not used" in each for each in health["rules"]["problems"])
        assert len(taken.requests) == 1


async def test_a_notice_that_reaches_nobody_is_refused_where_it_is_new():
    home, store = SimulatedHome(season="winter"), MemoryStore()
    document = default_settings("winter")
    store.set("settings", document)
    async with AutomationEngine(home, store, clock=home.clock) as engine:
        await engine.run_once()
        with pytest.raises(SettingsError, match="notify reaches nobody"):
            await engine.apply_settings(document | {"rules": [NOTICE]})
        reached = {"notifiers": {"hook": kinds("http://127.0.0.1:1")["hook"]}}
        await engine.apply_settings(document | {"rules": [NOTICE]} | reached)


async def test_one_that_is_stored_already_is_named():
    document = default_settings("winter") | {"rules": [NOTICE]}
    _, health = await engine_told(document)
    assert any("reaches nobody" in each for each in health["rules"]["problems"])
