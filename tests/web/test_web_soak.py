"""Days of edits over the API, restarts and damaged files; every secret stays where it was.

Each edit is made twice, with the same dice: of what the API shows, and of the truth that
the test keeps. What is stored must then be the truth, secret by secret.
"""

import json
import random
from copy import deepcopy

import aiohttp
import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.settings.secrets import MASK
from switchbot_automation.simulation import SimulatedClock
from switchbot_automation.testing import run_for
from switchbot_automation.web import serve
from switchbot_store import JsonStore
from tests.web.conftest import MONDAY, SETTINGS, LivedHome, timedelta

HOST = "https://hooks.example.com"


def rule(number):
    return {
        "id": f"r{number}",
        "triggers": [{"trigger": "time", "at": "03:00"}],
        "actions": [{"action": "webhook", "url": f"{HOST}/rule/{number}"}],
        "enabled": False,
    }


def beginning():
    document = deepcopy(SETTINGS)
    document["webhooks"] = {"winter": f"{HOST}/home/on", "off": f"{HOST}/home/off"}
    for name, zone in document["zones"].items():
        zone["webhooks"] = {"off": f"{HOST}/{name.replace(' ', '-')}/off"}
    document["rules"] = [rule(number) for number in range(6)]
    document["notifiers"] = {
        name: {"type": "webhook", "url": f"{HOST}/{name}", "token": f"token-of-{name}"}
        for name in ("me", "you")
    }
    return document


def edit(dice, document, number):
    """Edit as a person does: move, delete, copy, rename, and enter a new secret."""
    rules = document["rules"]
    for _ in range(dice.randrange(1, 5)):
        what = dice.randrange(8)
        at = dice.randrange(len(rules)) if rules else 0
        if what == 0:
            dice.shuffle(rules)
        elif what == 1 and len(rules) > 2:
            del rules[at]
        elif what == 2 and rules and len(rules) < 12:
            # The copy's own name comes later in the day.
            rules.append({**deepcopy(rules[at]), "id": f"c{number}-{len(rules)}"})
            number += 1000
        elif what == 3 and rules:
            rules[at]["id"] = f"n{number}"
            number += 1000
        elif what == 4 and rules:
            fresh = f"{HOST}/new/{dice.randrange(10**9)}"
            rules[at]["actions"][0]["url"] = fresh
        elif what == 5:
            one, other = document["notifiers"].values()
            one["token"], other["token"] = other["token"], one["token"]
        elif what == 6:
            zones = document["zones"]
            for name in ("office", "living room"):
                zones[name] = zones.pop(name)
            one, other = zones.values()
            one["webhooks"], other["webhooks"] = other["webhooks"], one["webhooks"]
        else:
            document["hysteresis_celsius"] = dice.choice([0.2, 0.3, 0.4])


def damage(dice, path):
    """Spoil a file as a disk, an editor or a person does; return what it was."""
    good = path.read_bytes()
    at = dice.randrange(len(good) + 1)
    path.write_bytes(
        dice.choice([good[:at], b"", b"\0" * len(good), good[:at] + b"{" + good[at:]])
    )
    return good


async def ask(http, method, url, **options):
    async with http.request(method, url, **options) as answer:
        assert answer.status < 500, (method, url, await answer.text())
        return answer.status, await answer.json(), answer.headers.get("ETag")


@pytest.mark.parametrize(
    ("days", "seed"),
    [(1, 1), *(pytest.param(7, seed, marks=pytest.mark.slow) for seed in range(3))],
)
async def test_every_secret_is_where_it_was(tmp_path, days, seed):
    dice = random.Random(seed)
    truth = beginning()
    clock = SimulatedClock(MONDAY)
    home = LivedHome(None, clock, SETTINGS).home
    config = tmp_path / "config"
    edits = restarts = damaged = 0
    with JsonStore(config) as store:
        store.set("settings", deepcopy(truth))
    end = MONDAY + timedelta(days=days)
    while clock.now() < end:
        restarts += 1
        with JsonStore(config) as store:
            async with (
                AutomationEngine(home, store, clock=clock) as engine,
                serve(engine, port=0) as url,
                aiohttp.ClientSession() as http,
            ):
                await engine.run_once()
                for _ in range(dice.randrange(1, 8)):
                    await run_for(engine, timedelta(minutes=dice.randrange(5, 120)))
                    if dice.random() < 0.4:
                        damaged += 1
                        path = dice.choice(sorted(config.rglob("*.json")))
                        good = damage(dice, path)
                        await run_for(engine, timedelta(minutes=10))
                        status, shown, etag = await ask(
                            http, "GET", f"{url}api/settings"
                        )
                        if path.name == "settings.json":
                            # Whatever is put back meanwhile is the truth or refused.
                            if status == 200:
                                await ask(
                                    http,
                                    "PUT",
                                    f"{url}api/settings",
                                    json=shown,
                                    headers={"If-Match": etag},
                                )
                            if not says(path, truth):
                                path.write_bytes(good)
                        await run_for(engine, timedelta(minutes=10))
                    edits += 1
                    before = store.get("settings")
                    assert before == truth
                    _, shown, etag = await ask(http, "GET", f"{url}api/settings")
                    assert "hooks.example.com/rule" not in str(shown)
                    assert MASK in str(shown)
                    again = dice.randrange(2**32)
                    edit(random.Random(again), shown, edits)
                    edit(random.Random(again), truth, edits)
                    status, told, _ = await ask(
                        http,
                        "PUT",
                        f"{url}api/settings",
                        json=shown,
                        headers={"If-Match": etag},
                    )
                    assert status == 200, told
                    assert store.get("settings") == truth
    with JsonStore(config) as store:
        assert store.get("settings") == truth
    assert min(edits, restarts, damaged) > 2 * days


def says(path, document):
    try:
        return json.loads(path.read_bytes()) == document
    except ValueError:
        return False
