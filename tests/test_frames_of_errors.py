"""What is raised brings no secret along in the variables of its frames.

Tools that capture errors show those: Sentry, `rich`, `cgitb`. The frames of the tests are
left out, as those of any caller, which has what it passed.
"""

import json
import traceback
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
from switchbot_automation.simulation import FakeSwitchBotCloud
from switchbot_automation.urls import SecretName
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


def test_an_error_keeps_its_words_and_what_it_came_of():
    cause = json.JSONDecodeError("no", "{", 0)
    error = ValueError("told")
    error.__cause__ = cause
    error.__context__ = error  # a circle ends
    assert without_frames(error) is error
    assert error.__cause__ is cause
