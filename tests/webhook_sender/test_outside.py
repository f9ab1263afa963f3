"""Secrets that lie outside of the settings: found where they are used, shown nowhere."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

import pytest

from switchbot_automation import AutomationEngine, WebhookSender
from switchbot_automation.engine.act.outside import UnsealingSender, secret_of
from switchbot_automation.errors import SettingsError, WebhookError
from switchbot_automation.outside.urls import SecretName, named_secret
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.settings.secrets import MASKS
from switchbot_automation.simulation import SimulatedHome, default_settings
from switchbot_store import MemoryStore
from tests.webhook_sender.test_notices import NOTICE, TOKEN, taker

OUTSIDE = {"secret": "boiler_on"}
NAMED = SecretName("secret:boiler_on")
WAYS = ["winter", "summer", "fan", "off"]


@pytest.fixture
def lay(tmp_path, monkeypatch):
    """Lay secrets into a file of their own."""

    def laid(secrets, mode=0o600):
        path = tmp_path / "secrets.json"
        body = secrets if isinstance(secrets, bytes) else json.dumps(secrets).encode()
        path.write_bytes(body)
        path.chmod(mode)
        monkeypatch.setenv("SWITCHBOT_SECRETS_FILE", str(path))
        return path

    return laid


# --- where they are found ------------------------------------------------------------


async def test_the_environment_wins_over_the_file(lay, monkeypatch):
    lay({"boiler_on": "of the file", "boiler.on-2": "another"})
    assert await secret_of(NAMED) == "of the file"
    monkeypatch.setenv("SWITCHBOT_SECRET_BOILER_ON", "of the environment")
    assert await secret_of(NAMED) == "of the environment"
    assert await secret_of(SecretName("secret:boiler.on-2")) == "another"
    monkeypatch.setenv("SWITCHBOT_SECRET_BOILER_ON_2", "changed")
    assert await secret_of(SecretName("secret:boiler.on-2")) == "changed"
    assert await secret_of("https://host.example/x") == "https://host.example/x"


REPLACING = """
import json, os, sys
path, number = sys.argv[1], 0
print("replacing", flush=True)
while True:
    number += 1
    value = f"s3cret-{number % 2}" * 5000
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"boiler_on": value}, file)
    if number % 3:
        os.replace(path + ".new", path)
    else:  # as an editor may: for a moment it is empty, or half of it
        with open(path, "w") as file:
            json.dump({"boiler_on": value}, file)
"""


@pytest.fixture
def replaced(lay):
    """Let another process replace the file of secrets, without end."""
    path = lay({"boiler_on": "s3cret-0" * 5000})
    with subprocess.Popen(
        [sys.executable, "-c", REPLACING, path], stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        yield
        other.kill()


async def test_while_another_process_replaces_the_file_a_secret_is_whole_or_refused(
    replaced,
):
    whole = {f"s3cret-{number}" * 5000 for number in (0, 1)}
    seen, refused = set(), []
    for _ in range(2000):
        try:
            seen.add(await secret_of(NAMED))
        except WebhookError as error:
            refused.append(f"{error!r}{error.__cause__!r}{error.__context__!r}")
        if seen == whole:
            break
    assert seen == whole
    assert "s3cret" not in "".join(refused)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
async def test_a_file_that_others_may_touch_is_not_read(lay, mode):
    lay({"boiler_on": "hunter2"}, mode)
    with pytest.raises(WebhookError, match="chmod 600") as caught:
        await secret_of(NAMED)
    assert "hunter2" not in repr(caught.value)


@pytest.mark.parametrize("above", [0o777, 0o773])
async def test_a_file_that_others_may_replace_is_not_read(lay, above):
    path = lay({"boiler_on": "hunter2"})
    path.parent.chmod(above)
    with pytest.raises(WebhookError, match="in its place") as caught:
        await secret_of(NAMED)
    assert "hunter2" not in repr(caught.value)
    path.parent.chmod(0o1777)  # as /tmp
    assert await secret_of(NAMED) == "hunter2"


@pytest.mark.parametrize(
    "body", [b"hunter2", b"[]", b'{"boiler_on": ["hunter2"]}', b"{}", b" " * 2_000_000]
)
async def test_a_file_of_another_kind_is_refused_in_words(lay, body):
    lay(body)
    with pytest.raises(WebhookError, match="SWITCHBOT_SECRETS_FILE") as caught:
        await secret_of(NAMED)
    assert "hunter2" not in repr(caught.value)


async def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("pipe", "", "missing"):
        monkeypatch.setenv("SWITCHBOT_SECRETS_FILE", str(tmp_path / name))
        with pytest.raises(WebhookError):
            await secret_of(NAMED)


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "../x", "x" * 65, 5, None, "ä", "=x", ["a"]]
)
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="name of a secret"):
        named_secret({"secret": name})
    for document in (
        {"webhooks": {"winter": {"secret": name}}},
        {"notifiers": {"n": {"type": "webhook", "url": {"secret": name}}}},
        {"rules": [rule({"secret": name})]},
    ):
        with pytest.raises(SettingsError):
            parse_settings(document)


# --- where they are used --------------------------------------------------------------


def rule(url):
    return {
        "id": "it",
        "triggers": {"trigger": "time", "at": "00:00"},
        "actions": {"action": "webhook", "url": url, "allowed_hosts": ["127.0.0.1"]},
    }


def document_of():
    """Name a secret in every place where one may stand."""
    return default_settings("winter") | {
        "webhooks": dict.fromkeys(WAYS, OUTSIDE),
        "webhook_allowed_hosts": ["127.0.0.1"],
        "cascade": ["webhook"],
        "notifiers": {
            "me": {
                "type": "ntfy",
                "url": OUTSIDE,
                "token": {"secret": "phone"},
                "allowed_hosts": ["127.0.0.1"],
            }
        },
        "rules": [rule(OUTSIDE), {**NOTICE, "id": "tell"}],
    }


async def test_a_named_secret_is_used_and_is_nowhere_to_be_seen(lay, caplog):
    caplog.set_level(logging.DEBUG)
    home, store = SimulatedHome(season="winter"), MemoryStore()
    store.set("settings", document_of())
    seen = []
    async with taker() as taken:
        secrets = {"boiler_on": f"{taken.url}/s3cr3t-topic", "phone": TOKEN}
        path = lay(secrets)
        async with AutomationEngine(
            home, store, clock=home.clock, webhook_sender=WebhookSender()
        ) as engine:
            engine.subscribe(seen.append)
            await engine.run_once()
            command = await engine.act("default", "off")
            assert command.status == "accepted", command
            trace = await engine.run_rule("it")
            assert trace["outcome"] == "finished", trace
            told = await engine.run_rule("tell")
            assert told["outcome"] == "finished", told
            lines = {line for line, _, _ in taken.requests}
            assert lines == {"POST /s3cr3t-topic HTTP/1.1", "POST / HTTP/1.1"}
            (headers,) = [each for line, each, _ in taken.requests if "/ " in line]
            assert headers["Authorization"] == f"Bearer {TOKEN}"
            # Changed outside, it is another one at once.
            path.write_text(json.dumps(secrets | {"boiler_on": f"{taken.url}/n3w"}))
            await engine.act("default", "off")
            assert taken.requests[-1][0] == "POST /n3w HTTP/1.1"
            change = await engine.apply_settings(
                document_of() | {"notifiers": {}, "rules": []}, dry_run=True
            )
            shown = [
                command, trace, told, seen, change, change.to_dict(), engine.overview(),
                await engine.health(), (await engine.explain()).to_dict(),
                parse_settings(document_of()), caplog.text,
                *(store.get(key) for key in sorted(store.keys())),
            ]  # fmt: skip
    for each in shown:
        assert "s3cr3t" not in repr(each)
        assert TOKEN not in repr(each)


class Quoting:
    """A host's own sender whose errors quote everything."""

    def __init__(self, error):
        self.error = error

    async def send(self, url, *, allowed_hosts):
        raise self.error(f"cannot reach {url}")


@pytest.mark.parametrize("error", [RuntimeError, WebhookError, OSError])
async def test_a_senders_error_does_not_show_what_the_name_stands_for(lay, error):
    lay({"boiler_on": "https://host.example/s3cr3t-s3cr3t"})
    with pytest.raises(WebhookError, match="cannot reach") as caught:
        await UnsealingSender(Quoting(error)).send(NAMED, allowed_hosts=())
    assert "s3cr3t" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.maybe_sent is (error is not WebhookError)


async def test_a_name_that_stands_for_nothing_fails_the_command_and_says_so():
    home, store = SimulatedHome(season="winter"), MemoryStore()
    store.set("settings", document_of())
    async with AutomationEngine(
        home, store, clock=home.clock, webhook_sender=WebhookSender()
    ) as engine:
        await engine.run_once()
        command = await engine.act("default", "off")
    assert command.status == "failed"
    assert "SWITCHBOT_SECRET_BOILER_ON" in repr(command)


async def test_what_a_name_stands_for_is_checked_as_any_url_is(lay):
    for url in ("http://169.254.169.254/x", "https://10.0.0.1/x", "ftp://x/y", "x"):
        lay({"boiler_on": url})
        with pytest.raises(WebhookError) as caught:
            await UnsealingSender(WebhookSender()).send(NAMED, allowed_hosts=())
        assert not caught.value.maybe_sent


def test_a_name_is_masked_and_put_back_like_any_secret():
    document = document_of()
    shown = MASKS.masked(document)
    assert "boiler_on" not in json.dumps(shown)
    assert MASKS.restored(shown, document) == document
