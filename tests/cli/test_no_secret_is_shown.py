"""A secret in every place that it may lie in: no command shows one, whatever fails."""

import json
import os
import re

import pytest
from click.testing import CliRunner

from switchbot_automation.cli.app import application as automation
from switchbot_store.cli.app import application as store

NOWHERE = "127.0.0.1:1"


def planted(name):
    """Return a secret that is told from all others, wherever a part of it comes out."""
    return f"Zq{name}0123456789012345hush"


URLS = {
    "away": f"postgres://u:{planted('db')}@{NOWHERE}/x",
    "at": f"postgres://u:a@{planted('db')}@{NOWHERE}/x",
    "slash": f"postgres://u:a/{planted('db')}@{NOWHERE}/x",
    "hash": f"postgres://u:#{planted('db')}@{NOWHERE}/x",
    "question": f"postgres://u:?{planted('db')}@{NOWHERE}/x",
    "percent": f"postgres://u:%zz{planted('db')}@{NOWHERE}/x",
    "query": f"postgres://u@{NOWHERE}/x?password={planted('db')}&passw={planted('db')}",
    "words": f"host=127.0.0.1 port=1 password={planted('db')} 'x",
    "alone": planted("db"),
    "port": f"postgres://u:x@127.0.0.1:{planted('db')}/x",
    "brackets": f"postgres://u:x@[{planted('db')}/x",
}
HOOK = (
    f"https://u:{planted('user')}@hooks.example/{planted('path')}?k={planted('query')}"
)
SETTINGS = {
    "timezone": "UTC",
    "meter_device_id": "AABBCCDDEEFF",
    "webhooks": {"winter": HOOK, "off": {"secret": "boiler"}},
    "notifiers": {"phone": {"url": HOOK, "token": planted("notice")}},
    "plugins": {"feed": {"plugin": "feed", "local_key": planted("plugin")}},
    # No whole number: refused, and what is refused is quoted.
    "rules": [{"id": "it", "triggers": {"trigger": HOOK}, "actions": [{"url": HOOK}]}],
}


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Have nothing in the environment but secrets, and a house full of them."""
    directory = tmp_path / "config"
    directory.mkdir(mode=0o700)
    (directory / "settings.json").write_text(json.dumps(SETTINGS))
    outside, accounts = tmp_path / "secrets.json", tmp_path / "accounts.json"
    outside.write_text(json.dumps({"other": planted("file")}))
    account = {"token": planted("account"), "secret": 5}
    accounts.write_text(json.dumps({"one": account}))
    for each in (outside, accounts):
        each.chmod(0o600)
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "STORE_DIRECTORY": str(directory),
        "SWITCHBOT_TOKEN": planted("token"),
        "SWITCHBOT_SECRET": planted("secret"),
        "SWITCHBOT_BASE_URL": f"http://{NOWHERE}/{planted('base')}",
        "SWITCHBOT_WEB_TOKEN": planted("web"),
        "SWITCHBOT_WEBHOOK_SECRET": planted("webhook"),
        "SWITCHBOT_SECRET_BOILER": HOOK,
        "SWITCHBOT_SECRETS_FILE": str(outside),
        "SWITCHBOT_MQTT_URL": f"mqtt://u:{planted('mqtt')}@{NOWHERE}",
        "SWITCHBOT_FLEET_WEBHOOK_KEY": planted("fleet") * 2,
        "SWITCHBOT_ACCOUNTS": str(accounts),
    }
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", variables)
    return variables


def shown(application, *arguments):
    """Return all that a command says, its log at DEBUG and its failure included."""
    result = CliRunner().invoke(application, [*arguments, "--log-level", "debug"])
    assert not re.search(r"No such (command|option)", result.output), "nothing was run"
    return f"{result.output}{result.stderr}{result.exception!r}"


def assert_nothing_of_a_secret(said):
    assert said.strip()
    assert not re.findall(r"Zq\w*|\w*hush", said)


AUTOMATION = [
    ("doctor",),
    ("doctor", "--json"),
    ("status",),
    ("status", "--json"),
    ("check-config",),
    ("check-config", "--json"),
    ("settings", "show"),
    ("explain",),
    ("devices", "--json"),
    ("act", "off"),
    ("fleet", "status"),
    ("send", "02-1", "turnOff"),
]


@pytest.mark.parametrize("arguments", AUTOMATION, ids=" ".join)
def test_no_command_shows_a_secret(environment, arguments):
    assert_nothing_of_a_secret(shown(automation, *arguments))


@pytest.mark.parametrize("arguments", [("health",), ("doctor", "--json")], ids=" ".join)
@pytest.mark.parametrize("url", URLS)
def test_no_form_of_a_database_s_url_shows_its_password(environment, url, arguments):
    environment |= {"STORE_BACKEND": "postgres", "POSTGRES_URL": URLS[url]}
    assert_nothing_of_a_secret(shown(store, *arguments))
