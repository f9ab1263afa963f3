"""`webhook`, `completion` and typos, against the simulated cloud."""

import asyncio
import json
import subprocess

import pytest

from switchbot_automation.simulation import FakeSwitchBotCloud, Fault

OURS = "https://home.example.com/push/0urSecret"
FOREIGN = "https://hass.example.com/api/webhook/f0reign"


@pytest.fixture
async def cloud():
    async with FakeSwitchBotCloud() as cloud:
        yield cloud


@pytest.fixture
def run(invoke, cloud):
    env = {
        "SWITCHBOT_TOKEN": cloud.token,
        "SWITCHBOT_SECRET": cloud.secret,
        "SWITCHBOT_BASE_URL": cloud.base_url,
    }

    async def run(*arguments):
        ended = await asyncio.to_thread(invoke, "webhook", *arguments, env=env)
        return ended.exit_code, ended.stdout, ended.stderr

    return run


def set_up(cloud, url):
    cloud.home.push.call("setupWebhook", {"url": url, "deviceList": "ALL"})


async def test_a_webhook_is_set_up_shown_switched_and_deleted(run, cloud):
    assert (await run("query"))[:2] == (1, "there is no webhook\n")
    code, out, _ = await run("setup", OURS, "--json")
    assert (code, json.loads(out)["result"]) == (0, "created")
    assert cloud.home.push.webhook["url"] == OURS
    assert json.loads((await run("setup", OURS, "--json"))[1])["result"] == "unchanged"

    code, out, _ = await run("query")
    assert code == 0
    assert "0urSecret" not in out
    assert out.startswith("https://home.example.com/… enabled since ")
    (shown,) = json.loads((await run("query", "--json", "--show"))[1])
    assert (shown["url"], shown["enabled"]) == (OURS, True)

    assert (await run("update", OURS, "--disable"))[0] == 0
    assert cloud.home.push.webhook["enable"] is False
    assert json.loads((await run("setup", OURS, "--json"))[1])["result"] == "enabled"
    assert (await run("delete", OURS))[:2] == (0, "the webhook is deleted\n")
    assert cloud.home.push.webhook is None
    assert (await run("delete", OURS))[:2] == (0, "there was no webhook\n")


async def test_a_foreign_webhook_stays_unless_told(run, cloud):
    set_up(cloud, FOREIGN)
    for arguments in (("setup", OURS), ("update", OURS, "--enable"), ("delete", OURS)):
        code, out, err = await run(*arguments)
        assert code == 1
        assert "hass.example.com" in err
        assert "f0reign" not in out + err
        assert cloud.home.push.webhook["url"] == FOREIGN
    assert "--replace" in (await run("setup", OURS))[2]
    code, out, _ = await run("setup", OURS, "--replace", "--json")
    assert (code, json.loads(out)["result"]) == (0, "replaced")
    assert cloud.home.push.webhook["url"] == OURS


async def test_the_foreign_webhook_is_put_back_when_ours_is_refused(run, cloud):
    set_up(cloud, FOREIGN)
    push = cloud.home.push
    allowed = push.call

    def refuse_ours(action, payload):
        if action == "setupWebhook" and payload["url"] == OURS:
            cloud.faults.inject(Fault.PARAM_INVALID, times=1)
        return allowed(action, payload)

    push.call = refuse_ours
    code, _, err = await run("setup", OURS, "--replace")
    assert code == 1
    assert "0urSecret" not in err
    assert push.webhook["url"] == FOREIGN


async def test_whatever_is_there_is_deleted_only_when_asked_for(run, cloud):
    set_up(cloud, FOREIGN)
    assert (await run("delete"))[0] == 2
    assert (await run("delete", OURS, "--any"))[0] == 2
    assert cloud.home.push.webhook is not None
    assert (await run("delete", "--any"))[0] == 0
    assert cloud.home.push.webhook is None


@pytest.mark.parametrize("url", ["home.example.com/push", "ftp://example.com/x", "x"])
async def test_what_is_no_url_costs_no_call(run, cloud, url):
    code, _, err = await run("setup", url)
    assert code == 2
    assert "https://host/path" in err
    assert not cloud.calls


async def test_plain_http_is_warned_of(run):
    code, _, err = await run("setup", "http://127.0.0.1:8098/push")
    assert code == 0
    assert "forge" in err


# --- typos, help and completion -------------------------------------------------------


def test_a_mistyped_command_is_answered_with_the_nearest(invoke):
    result = invoke("stauts")
    assert result.exit_code == 2
    assert "'status'" in result.output


def test_help_tells_the_exit_codes(invoke):
    assert "Exit codes: 0" in invoke("--help").output
    for command in ("status", "send", "watch", "webhook", "completion"):
        assert command in invoke("--help").output
        assert invoke(command, "--help").exit_code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_calls_back(invoke, shell):
    result = invoke("completion", shell)
    assert result.exit_code == 0
    assert "_SWITCHBOT_AUTOMATION_COMPLETE" in result.output
    assert "switchbot-automation" in result.output


def test_bash_reads_its_script(invoke):
    script = invoke("completion", "bash").output
    checked = subprocess.run(
        ["bash", "-n"], input=script, text=True, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


async def test_completion_names_the_commands(start):
    running = await start(
        env={
            "_SWITCHBOT_AUTOMATION_COMPLETE": "bash_complete",
            "COMP_WORDS": "switchbot-automation web",
            "COMP_CWORD": "1",
        }
    )
    code, out, _ = await running.ended()
    assert code == 0
    assert out.split() == ["plain,webhook"]
