"""A home with a secret in every place that one may lie in: no route shows one."""

import asyncio
import logging
import re
from contextlib import asynccontextmanager
from copy import deepcopy

import orjson
import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.engine.act.http_hook import WebhookSender
from switchbot_automation.errors import AutomationError
from switchbot_automation.simulation import SimulatedClock, SimulatedHome
from switchbot_automation.web import serve
from switchbot_automation.web.routes import ROUTES
from switchbot_store import MemoryStore
from tests.web.conftest import MONDAY, SETTINGS

TOKEN = "a-token-of-the-tests-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
EVIL = "den\\\"} 1 # <script>alert('x')</script>"


def planted(name):
    """Return a secret that is told from all others, wherever a part of it comes out."""
    return f"Zq{name}0123456789012345hush"


HOOK = f"http://u:{planted('user')}@127.0.0.1:1/{planted('path')}?k={planted('query')}"
WAYS = ["winter", "summer", "fan", "off"]
ALLOWED = {"allowed_hosts": ["127.0.0.1"]}


def rule(name, action):
    return {
        "id": name,
        "triggers": {"trigger": "time", "at": "00:00"},
        "actions": [action],
    }


def document():
    zones = deepcopy(SETTINGS["zones"])
    zones[EVIL] = zones.pop("office")
    return SETTINGS | {
        "zones": zones,
        "cascade": ["webhook"],
        "webhooks": dict.fromkeys(WAYS, HOOK),
        "webhook_allowed_hosts": ["127.0.0.1"],
        "notifiers": {
            "phone": {"type": "ntfy", "url": HOOK, "token": planted("phone"), **ALLOWED}
        },
        "rules": [
            rule("hook", {"action": "webhook", "url": HOOK, **ALLOWED}),
            rule("outside", {"action": "webhook", "url": {"secret": "gone"}}),
            rule("tell", {"action": "notify", "message": "{{ zone.missing }}"}),
        ],
    }


@pytest.fixture
async def broken_home(monkeypatch):
    """A home that has asked all those places, none of which answers."""
    monkeypatch.setenv("SWITCHBOT_SECRET_GONE", f"https://127.0.0.1/{planted('env')}")
    store = MemoryStore()
    store.set("settings", document())
    clock = SimulatedClock(MONDAY)
    home = SimulatedHome(season="winter", clock=clock)
    async with AutomationEngine(home, store, clock=clock) as engine:
        for _ in range(3):
            await engine.run_once()
            clock.advance(120)
        for name in document()["zones"]:
            await engine.act(name, "off")
        for name in ("hook", "outside", "tell"):
            await engine.run_rule(name)
        yield engine


async def test_no_route_shows_one(broken_home, http):
    options = {"token": TOKEN, "webhook_secret": planted("webhook")}
    asked = 0
    async with serve(broken_home, port=0, **options) as url:
        for route in ROUTES:
            if route.method != "GET" or route.path.startswith("/api/events"):
                continue
            for zone in document()["zones"]:
                path = route.path.replace("{zone}", zone).replace("{device}", "X")
                async with http.get(
                    f"{url}{path.lstrip('/').replace('#', '%23')}", headers=BEARER
                ) as answer:
                    said = await answer.text()
                    assert answer.status < 500 or answer.status == 503, (path, said)
                asked += answer.status == 200
                assert not re.findall(r"Zq\w*|\w*hush", f"{said}{answer.headers}")
        assert asked > 20
        # Nor what is told as it happens, and in what is told of a change.
        body = document() | {"winter": {"min_temp": 99, "max_temp": 1}}
        async with http.get(f"{url}api/settings", headers=BEARER) as answer:
            match = {"If-Match": answer.headers["ETag"]}
        for wrong in (body, {"webhooks": {"winter": HOOK + " x"}}, {"rules": HOOK}):
            async with http.put(
                f"{url}api/settings", json=wrong, headers=BEARER | match
            ) as answer:
                assert answer.status == 422
                assert not re.findall(r"Zq\w*|\w*hush", await answer.text())
        async with http.get(f"{url}api/events", headers=BEARER) as answer:
            first = (await answer.content.readuntil(b"\n\n")).decode()
            first += (await answer.content.readuntil(b"\n\n")).decode()
            assert "zones" in first
            assert not re.findall(r"Zq\w*|\w*hush", first)


async def test_a_rooms_name_is_data_wherever_it_is_told(broken_home, http):
    async with serve(broken_home, port=0) as url:
        async with http.get(f"{url}metrics") as answer:
            lines = (await answer.text()).splitlines()
        named = [line for line in lines if "script" in line]
        assert named
        sample = re.compile(
            r'\w+\{(?:\w+="(?:[^"\\\n]|\\["\\n])*",?)+\} [-+.\w]+(?: \d+)?'
        )
        assert [each for each in named if not sample.fullmatch(each)] == []
        async with http.get(f"{url}api/zones") as answer:
            assert answer.content_type == "application/json"
            names = [each["name"] for each in (await answer.json())["zones"]]
            assert EVIL in names
        async with http.get(url) as answer:
            assert "script>alert" not in await answer.text()


# --- what fails while a secret is in use -------------------------------------------------------

SHOWN = re.compile(r"Zq\w*|\w*hush")
# What the other end answers a call; it quotes all that it was told.
ANSWERS = {
    "error": "HTTP/1.1 500 {told}\r\nX-Told: {told}\r\nConnection: close\r\n\r\n{told}",
    "forbidden": "HTTP/1.1 403 {told}\r\nConnection: close\r\n\r\n{told}",
    "redirect": "HTTP/1.1 302 x\r\nLocation: {told}\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": "{told}\r\n\r\n",
    "half": "HTTP/1.1 200 {told}\r\nContent-Length: 99\r\nX-Told: {told}\r\n",
    "closed": "",
    "silence": None,
    "refused": None,
    "TLS": "{told}\r\n\r\n",
}


@asynccontextmanager
async def other_end(way):
    """Yield the address of who takes webhooks and notices, and fails in one way."""
    asked, over = [], asyncio.Event()

    async def serve_one(reader, writer):
        asked.append((await reader.read(4000)).decode(errors="replace"))
        if way == "silence":
            await over.wait()
        else:
            told = " ".join(re.findall(r"Zq\w*hush", asked[-1]))
            writer.write(ANSWERS[way].replace("{told}", told).encode())
        writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if way == "refused":
        server.close()
    yield f"http{'s' * (way == 'TLS')}://127.0.0.1:{port}", asked
    over.set()
    server.close()


def failing(base):
    """Return settings with a secret in each place of a webhook and a notifier."""
    host = base.split("://")[1]
    scheme = base.removesuffix(host)
    hook = f"{scheme}u:{planted('user')}@{host}/{planted('path')}?k={planted('query')}"
    notifiers = {
        "phone": {"type": "ntfy", "url": hook},
        "tablet": {"type": "ntfy", "url": f"{base}/x", "token": planted("ntfy")},
        "hook": {"type": "webhook", "url": hook},
        "hub": {"type": "home_assistant", "url": base, "token": planted("hub")}
        | {"service": "notify.phone"},
    }
    return document() | {
        "webhooks": dict.fromkeys(WAYS, hook),
        "notifiers": {name: each | ALLOWED for name, each in notifiers.items()},
        "rules": [
            rule("hook", {"action": "webhook", "url": hook, **ALLOWED}),
            rule("tell", {"action": "notify", "message": "it is cold"}),
        ],
    }


@pytest.mark.parametrize("way", ANSWERS)
async def test_no_call_that_fails_shows_one(way, http, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    said = []
    async with other_end(way) as (base, asked):
        store, clock = MemoryStore(), SimulatedClock(MONDAY)
        store.set("settings", failing(base))
        home = SimulatedHome(season="winter", clock=clock)
        sender = WebhookSender(timeout_seconds=0.3)
        async with AutomationEngine(
            home, store, clock=clock, webhook_sender=sender
        ) as engine:
            said += [repr(await engine.run_once()), repr(engine), repr(sender)]
            for name in ("hook", "tell"):
                try:
                    said.append(repr(await engine.run_rule(name)))
                except AutomationError as error:
                    said += [
                        repr(error),
                        repr(error.__cause__),
                        repr(error.__context__),
                    ]
            for zone in document()["zones"]:
                said.append(repr(await engine.act(zone, "off")))
                said.append(repr(await engine.explain(zone)))
            said += [repr(await engine.run_once()), repr(await engine.health())]
            said += [repr(engine.overview()), repr(engine.rule_traces("tell"))]
            async with serve(engine, port=0, token=TOKEN) as url:
                for route in ROUTES:
                    if route.method != "GET" or route.path.startswith("/api/events"):
                        continue
                    path = route.path.replace("{zone}", "living%20room").lstrip("/")
                    async with http.get(f"{url}{path}", headers=BEARER) as answer:
                        said.append(f"{await answer.text()}{answer.headers}")
        # The state is what a backup, an export and another process read.
        said.append(orjson.dumps(store.get("state")).decode())
    if way not in {"refused", "TLS"}:
        used = "\n".join(asked)
        for name in ("path", "query", "ntfy", "hub"):
            assert planted(name) in used
    said += [caplog.text, *(str(record.args) for record in caplog.records)]
    said += capfd.readouterr()
    assert SHOWN.findall("\n".join(said)) == []
    assert any("127.0.0.1" in each for each in said)
