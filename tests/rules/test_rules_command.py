"""`switchbot-automation rules`: check, run, trace, in a process of their own."""

import asyncio
import json
import os

import pytest

from switchbot_automation.cli.commands.live import Narrator
from switchbot_automation.simulation import FakeSwitchBotCloud

WAITING = {
    "id": "later",
    "triggers": {"trigger": "time", "at": "00:00"},
    "actions": [
        {"action": "delay", "for": {"seconds": 1}},
        {"action": "scene", "scene": "Winter"},
    ],
}
RULES = [
    {
        "id": "hot",
        "triggers": {"trigger": "numeric_state", "zone": "default", "above": 28},
        "actions": [
            {
                "action": "command",
                "device": "Living room air conditioner",
                "command": "turnOff",
            },
            {"action": "delay", "for": {"minutes": 5}},
            {"action": "scene", "scene": "Winter"},
        ],
    }
]


@pytest.fixture
async def run(tmp_path, commands):
    async with FakeSwitchBotCloud() as cloud:
        settings = tmp_path / "config" / "settings.json"
        settings.parent.mkdir()
        settings.write_text(json.dumps({"timezone": "UTC", "rules": RULES}))

        async def run(*arguments, group=("rules",)):
            process = await asyncio.create_subprocess_exec(
                *commands(),
                *group,
                *arguments,
                cwd=tmp_path,
                env={
                    "PATH": os.environ["PATH"],
                    "SWITCHBOT_TOKEN": cloud.token,
                    "SWITCHBOT_SECRET": cloud.secret,
                    "SWITCHBOT_BASE_URL": cloud.base_url,
                },
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            async with asyncio.timeout(60):
                out, err = await process.communicate()
            return process.returncode, out.decode(), err.decode()

        run.settings = settings
        run.cloud = cloud
        yield run


async def test_rules_are_checked_run_and_traced(run):
    code, out, err = await run("check")
    assert code == 0, err
    assert "numeric_state" in out

    code, out, _ = await run("run", "hot", "--dry-run", "--json")
    rehearsed = json.loads(out)
    assert (code, rehearsed["outcome"]) == (0, "finished")
    assert [step["ok"] for step in rehearsed["steps"]] == [True, True, True]

    code, out, _ = await run("run", "hot")
    assert code == 0
    assert "waits until" in out

    code, out, _ = await run("trace", "--json")
    (trace,) = json.loads(out)
    assert (code, trace["rule"], trace["dry_run"]) == (0, "hot", True)
    code, out, _ = await run("trace", "hot")
    assert "hot: finished, dry (person)" in out


async def test_what_is_wrong_is_named_with_exit_code_2(run, tmp_path):
    wrong = {"rules": [{**RULES[0], "mode": "sngle"}]}
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps(wrong))
    code, _, err = await run("check", str(file))
    assert code == 2
    assert "rules[0].mode: expected one of single" in err

    code, _, err = await run("run", "hott")
    assert code == 2
    assert "there are hot" in err
    code, _, err = await run("trace", "hott")
    assert (code, "there are hot" in err) == (2, True)


async def test_an_account_is_asked_for_the_devices_that_rules_name(run):
    code, _, err = await run("check", "--account")
    assert code == 0, err
    broken = json.loads(run.settings.read_text())
    action = broken["rules"][0]["actions"][0]
    action["device"], broken["rules"][0]["triggers"] = (
        "living room air condtioner",
        {
            "trigger": "state",
            "device": "Living room air conditioner",
            "attribute": "power",
        },
    )
    run.settings.write_text(json.dumps(broken))
    code, out, _ = await run("check", "--account", "--json")
    messages = [error["message"] for error in json.loads(out)["errors"]]
    assert code == 2
    assert any(
        "did you mean 'living room air conditioner'?" in each for each in messages
    )
    assert any("no status that could be read" in each for each in messages)


async def test_a_delay_is_carried_on_by_the_next_process(run):
    document = {"timezone": "UTC", "rules": [WAITING]}
    run.settings.write_text(json.dumps(document))
    code, out, err = await run("run", "later", "--json")
    assert (code, json.loads(out)["outcome"]) == (0, "waiting"), err
    for _ in range(20):
        await run("once", group=())
        _, out, _ = await run("trace", "later", "--json")
        traces = json.loads(out)
        if traces:
            break
    assert [step["action"] for step in traces[0]["steps"]] == ["delay", "scene"]
    assert traces[0]["outcome"] == "finished"


async def test_run_tells_of_rules(house, capsys):
    told = {"trigger": "time", "at": "12:01"}
    notify = {"action": "notify", "message": "x"}
    house.rules({"id": "noon", "triggers": told, "actions": notify})
    for as_json in (False, True):
        house.engine.subscribe(Narrator(as_json=as_json))
    await house.live(90)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.endswith("rule noon: finished (time)") for line in lines)
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert [each["rule"] for each in events if each["event"] == "rule"] == ["noon"]


async def test_steps_inside_others_are_shown_and_checked_with_the_account(run):
    cool = {"condition": "numeric_state", "zone": "default", "below": 20}
    there = {
        "condition": "state",
        "device": "Nowhere",
        "attribute": "power",
        "state": "on",
    }
    aircon = {"action": "command", "device": "Living room air conditioner"}
    steps = [
        {"if": cool, "then": {**aircon, "command": "turnOff"}, "else": {"stop": "no"}},
        {"repeat": {"until": there, "sequence": [{"delay": {"minutes": 5}}]}},
        {"wait_for_trigger": {"trigger": "webhook", "device": "Bell"}},
        {"action": "command", "device": ["Nobody"], "command": "turnOn"},
    ]
    rule = {
        "id": "it",
        "triggers": [{"trigger": "sun", "event": "sunset"}],
        "actions": steps,
    }
    place = {"latitude": 48.85, "longitude": 2.35}
    run.settings.write_text(json.dumps({"timezone": "UTC", "rules": [rule], **place}))
    code, out, err = await run("check", "--json")
    assert code == 0, err
    (checked,) = json.loads(out)["rules"]
    assert checked["triggers"] == ["sun"]
    assert checked["actions"] == ["if", "repeat", "wait_for_trigger", "command"]
    assert checked["steps"] == [
        *("if", "command", "stop", "repeat", "delay", "wait_for_trigger", "command")
    ]
    _, out, _ = await run("check")
    assert "if (command | stop)" in " ".join(out.split())
    code, _, err = await run("check", "--account")
    assert code == 2
    for name in ("Nowhere", "Bell", "Nobody"):
        assert f"no device '{name}'" in err


async def test_check_config_asks_the_account_of_rules_too(run):
    meter = {"trigger": "state", "device": "Living rom", "attribute": "lockState"}
    rule = {"id": "it", "triggers": meter, "actions": {"action": "scene", "scene": "x"}}
    run.settings.write_text(json.dumps({"timezone": "UTC", "rules": [rule]}))
    told = ("check-config", str(run.settings), "--account")
    code, _, err = await run(*told, group=())
    assert code == 2
    assert "rules[0]: it: the account has no device 'Living rom'" in err
    rule["triggers"]["device"] = "Living room"
    run.settings.write_text(json.dumps({"timezone": "UTC", "rules": [rule]}))
    code, _, err = await run(*told, group=())
    assert code == 2
    assert "rules[0]: it: Living room tells no 'lockState'" in err
