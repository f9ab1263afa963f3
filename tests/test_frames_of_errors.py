"""What is raised brings no secret along in the variables of its frames.

Tools that capture errors show those: Sentry, `rich`, `cgitb`. The frames of the tests are
left out, as those of any caller, which has what it passed.
"""

import asyncio
import json
import traceback
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from switchbot_automation import (
    CloudError,
    SwitchBotClient,
    WebhookError,
    WebhookSender,
)
from switchbot_automation.engine.act.outside import UnsealingSender
from switchbot_automation.errors import BrokerError
from switchbot_automation.mqtt.link import BrokerAddress, linked
from switchbot_automation.mqtt.push import try_out
from switchbot_automation.outside.urls import SecretName
from switchbot_automation.simulation import FakeSwitchBotCloud
from switchbot_automation.simulation.server.certificates import Authority
from switchbot_store import PostgresStore, StoreError
from switchbot_store.frames import without_frames

PLANTED = "planted-0123456789-abcdefghij"
HOOK = f"https://127.0.0.1:1/{PLANTED}"
ALLOWED = {"allowed_hosts": {"127.0.0.1"}}


def frames_with_it(error, needle=PLANTED):
    """Return where the needle is seen: in variables, words, or what the error came of."""
    waiting, met, found = [error], set(), []
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in met:
            continue
        met.add(id(each))
        found += [repr(each)] if needle in repr(each) else []
        found += [
            f"{frame.f_code.co_name}: {name}"
            for frame, _ in traceback.walk_tb(each.__traceback__)
            if Path(frame.f_code.co_filename) != Path(__file__)
            for name, value in frame.f_locals.items()
            if needle in repr(value)
        ]
        waiting += [each.__cause__, each.__context__]
    return found


CALLS = {
    "read": lambda client: client.devices(),
    "command": lambda client: client.command("X", "createKey", {"password": PLANTED}),
    "setup": lambda client: client.setup_webhook(HOOK),
    "update": lambda client: client.update_webhook(HOOK, enable=True),
    "delete": lambda client: client.delete_webhook(HOOK),
    "details": lambda client: client.query_webhook_details([HOOK]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("answers", [True, False])
async def test_of_the_clouds_client(call, answers):
    async with FakeSwitchBotCloud() as cloud, aiohttp.ClientSession() as session:
        base_url = cloud.base_url if answers else "http://127.0.0.1:1"
        client = SwitchBotClient(
            session, f"t-{PLANTED}", f"s-{PLANTED}", base_url=base_url, attempts=1
        )
        with pytest.raises(CloudError) as caught:
            await call(client)
    if "createKey" not in str(caught.value):
        assert frames_with_it(caught.value) == []
    # A command's parameter is in the frame of what was asked, as in its caller's.
    assert frames_with_it(caught.value, f"t-{PLANTED}") == []
    assert frames_with_it(caught.value, f"s-{PLANTED}") == []


@pytest.mark.parametrize(
    "send",
    [
        lambda sender: sender.send(HOOK, **ALLOWED),
        lambda sender: sender.send(HOOK),
        lambda sender: sender.post_json(
            "https://127.0.0.1:1", {"text": PLANTED}, token=PLANTED, **ALLOWED
        ),
    ],
)
async def test_of_the_sender_of_webhooks(send):
    with pytest.raises(WebhookError) as caught:
        await send(WebhookSender())
    assert frames_with_it(caught.value) == []


async def test_of_a_url_that_was_named_alone(monkeypatch):
    monkeypatch.setenv("SWITCHBOT_SECRET_BOILER", HOOK)
    name = SecretName("secret:boiler")
    with pytest.raises(WebhookError) as caught:
        await UnsealingSender(WebhookSender()).send(name, **ALLOWED)
    assert frames_with_it(caught.value) == []


@pytest.mark.parametrize(
    "ask",
    [lambda store: store.open(), lambda store: store.get("settings")],
)
def test_of_a_database_that_is_away(ask):
    store = PostgresStore(f"postgresql://u:{PLANTED}@127.0.0.1:1/db")
    with pytest.raises(StoreError) as caught:
        ask(store)
    assert frames_with_it(caught.value) == []


async def ended_at_once(_reader, _writer):
    return


async def refuses(reader, writer):
    await reader.read(10)
    writer.write(bytes([0x20, 2, 0, 5]))  # CONNACK: not authorized
    await reader.read()


async def lets_in_and_no_more(reader, writer):
    await reader.read(10)
    writer.write(bytes([0x20, 2, 0, 0]))
    await reader.readuntil(b"switchbot/")


@asynccontextmanager
async def broker_that(answers):
    """Serve connections that are all closed at the end; give the port."""
    writers, ended = [], []

    async def answer(reader, writer):
        writers.append(writer)
        ended.append(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError):
            await answers(reader, writer)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for each in writers:
            each.close()
        await asyncio.gather(*ended)
        for each in writers:
            with suppress(OSError):
                await each.wait_closed()


HALF = f"{PLANTED}\udcff"  # as an environment that is no UTF-8 gives it


@pytest.mark.parametrize("answers", [ended_at_once, refuses, lets_in_and_no_more, None])
@pytest.mark.parametrize(
    "given",
    [
        {"password": PLANTED},
        {"password": HALF},
        {"username": HALF},
        {"password": PLANTED * 4000},
        {"host": "", "password": PLANTED},
        {"host": "a..b", "password": PLANTED},
        {"host": "a\udcff", "password": PLANTED},
        {"port": 0, "password": PLANTED},
    ],
    ids=lambda given: "-".join(f"{key}{len(str(each))}" for key, each in given.items()),
)
async def test_of_a_broker(answers, given):
    """Whatever is wrong with what it was given, or with the broker, it is a BrokerError."""
    async with AsyncExitStack() as stack:
        port = 1
        if answers is not None:
            port = await stack.enter_async_context(broker_that(answers))
        options = {"host": "127.0.0.1", "port": port, "username": "home"} | given
        with pytest.raises(BrokerError) as caught:
            async with linked(BrokerAddress(**options), answer_seconds=0.3) as link:
                await link.subscribe(f"switchbot/{PLANTED}/devicestatus\n")
    assert str(caught.value)
    shown = [each for each in frames_with_it(caught.value) if "address" not in each]
    assert shown == []
    if "username" not in given:
        assert frames_with_it(caught.value) == []


@pytest.mark.parametrize(
    "broken", [*["certBase64", "caBase64", "keyBase64"], "clientId"]
)
async def test_of_the_credential_of_the_clouds_broker(broken):
    pair = Authority("planted").issue("127.0.0.1")
    tls = {
        "caBase64": pair.certificate,
        "certBase64": pair.certificate,
        "keyBase64": pair.key,
    }
    channel = {
        "brokerUrl": f"mqtts://u:{PLANTED}@127.0.0.1",
        "clientId": PLANTED,
        "topics": {"status": PLANTED},
        "tls": tls,
    }
    if broken == "clientId":
        channel[broken] = ""
    else:
        tls[broken] = f"-----BEGIN {PLANTED}\n"

    class Cloud:
        async def iot_credential(self, _instance_id):
            return {"channels": {"mqtt": channel}}

    with pytest.raises((CloudError, BrokerError)) as caught:
        await try_out(Cloud())
    assert frames_with_it(caught.value) == []
    assert frames_with_it(caught.value, pair.key.splitlines()[1]) == []


def test_an_error_keeps_its_words_and_what_it_came_of():
    cause = json.JSONDecodeError("no", "{", 0)
    error = ValueError("told")
    error.__cause__ = cause
    error.__context__ = error  # a circle ends
    assert without_frames(error) is error
    assert error.__cause__ is cause
