"""What people's accounts really answer, and what the command line makes of it."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

NO_HUB = "000000000000"


def listed(device_id, name, device_type=None, **more):
    entry = {"deviceId": device_id, "deviceName": name, "enableCloudService": True}
    if device_type is not None:
        entry["deviceType"] = device_type
    return {**entry, "hubDeviceId": "FA7310762361", **more}


def good(body):
    return {"statusCode": 100, "message": "success", "body": body}


class Account:
    """An account on loopback: its list, what each device answers, what it was sent."""

    def __init__(self):
        self.devices, self.statuses, self.sent = [], {}, []
        self.remotes = []
        self.webhook_calls = []
        self.webhook = {}

    async def handle(self, request):
        parts = request.path.strip("/").split("/")[1:]
        if parts == ["devices"]:
            body = {"deviceList": self.devices, "infraredRemoteList": self.remotes}
            return web.json_response(good(body))
        if parts[0] == "webhook":
            action = (await request.json())["action"]
            self.webhook_calls.append(action)
            said = self.webhook[action]
            return web.json_response(said() if callable(said) else said)
        if parts[-1] == "status":
            said = self.statuses[parts[1]]
            return web.json_response(said if "statusCode" in said else good(said))
        self.sent.append((parts[1], await request.json()))
        return web.json_response(good({}))


@asynccontextmanager
async def served(account):
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", account.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def account():
    return Account()


@pytest.fixture
async def run(invoke, account, tmp_path):
    async with served(account) as base_url:
        env = {
            "SWITCHBOT_TOKEN": "c271" * 24,
            "SWITCHBOT_SECRET": "0123456789abcdef" * 2,
            "SWITCHBOT_BASE_URL": base_url,
            "STORE_DIRECTORY": str(tmp_path),
            "COLUMNS": "250",
        }

        async def run(*arguments, **options):
            told = env | options.pop("environment", {})
            ended = await asyncio.to_thread(invoke, *arguments, env=told, **options)
            return ended.exit_code, ended.stdout, ended.stderr

        yield run


async def row_of(run, device_id):
    """Return what `status` says of a device, as an object and as text."""
    _code, out, _err = await run("status", device_id, "--json")
    (row,) = json.loads(out)["devices"]
    _code, text, _err = await run("status", device_id)
    return row, " ".join(text.split())


# --- an empty list, and a cloud service that is off -----------------------------------


@pytest.mark.parametrize("command", ["devices", "status"])
async def test_an_empty_list_is_explained(run, command):
    code, out, err = await run(command, "--json")
    assert code == 0
    assert json.loads(out)["devices"] == []
    assert "Cloud Services" in err
    assert "token" in err


async def test_a_name_in_an_empty_list_is_explained(run):
    code, _, err = await run("send", "Lamp", "turnOn")
    assert code == 2
    assert "Cloud Services" in err


@pytest.fixture
def cut_off(account):
    """A bot that nobody let the cloud at, and a lamp that somebody did."""
    off = {"enableCloudService": False, "hubDeviceId": NO_HUB}
    account.devices = [
        listed("B1", "Bot", "Bot", **off),
        listed("L1", "Lamp", "Color Bulb"),
    ]
    account.statuses = {
        "B1": {"power": "off", "battery": 90, "deviceMode": "pressMode"},
        "L1": {"power": "on", "brightness": 50},
    }
    return account


async def test_a_cloud_service_that_is_off_shows_in_the_list(run, cut_off):
    code, out, err = await run("devices")
    assert code == 0
    (line,) = [line for line in out.splitlines() if "B1" in line]
    assert "cloud service off" in line
    assert "Bot: its cloud service is off" in err
    assert "Lamp" not in err


async def test_a_cloud_service_that_is_off_makes_a_status_doubtful(run, cut_off):
    row, text = await row_of(run, "B1")
    assert any("cloud service is off" in doubt for doubt in row["doubts"])
    assert "cloud service is off" in text
    assert (await row_of(run, "L1"))[0]["doubts"] == []


async def test_a_cloud_service_that_is_off_is_named_where_a_status_fails(run, cut_off):
    cut_off.statuses["B1"] = {"statusCode": 171, "body": {}, "message": "hub offline"}
    row, _ = await row_of(run, "B1")
    assert "hub" in row["error"]
    assert "cloud service is off" in row["error"]


async def test_what_is_sent_to_a_cloud_service_that_is_off_may_be_lost(run, cut_off):
    """SwitchBotAPI#503: accepted, and nothing happens."""
    code, out, err = await run("send", "Bot", "press", "--json")
    assert code == 0
    assert "cloud service is off" in err
    sent = json.loads(out)
    assert sent["status"] == "accepted"
    assert "cloud service is off" in sent["warning"]
    code, out, err = await run("send", "Lamp", "turnOn", "--json")
    assert json.loads(out)["warning"] is None
    assert err == ""


# --- answers that are none ------------------------------------------------------------


@pytest.mark.parametrize(
    ("device_type", "fields", "doubt"),
    [
        ("MeterPro(CO2)", {"temperature": 0, "humidity": 0, "battery": 0, "CO2": 613}, "no air"),
        ("WoIOSensor", {"temperature": 0, "humidity": 0, "battery": 0}, "no air"),
        ("Meter", {"temperature": 0, "humidity": 0, "battery": 0, "hubDeviceId": None}, "no air"),
        ("Hub 3", {"temperature": 21, "humidity": 50, "onlineStatus": "offline"}, "offline"),
        ("RGBICWW Floor Lamp", {"power": "on", "online": False}, "offline"),
        ("Hub 2", {}, "says nothing"),
        ("Meter", {}, "says nothing"),
        ("Something New", {}, "says nothing"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_no_measurement_is_marked(
    run, account, device_type, fields, doubt
):
    account.devices = [listed("D1", "Device", device_type)]
    account.statuses = {"D1": fields}
    row, text = await row_of(run, "D1")
    assert any(doubt in each for each in row["doubts"])
    assert "doubtful: " in text
    assert doubt in text


# --- types that were left out, or are new ---------------------------------------------


async def test_a_curtain_without_a_type_is_read_and_moved(run, account):
    """SwitchBotAPI#241: Curtain 3 is listed without a deviceType."""
    keys = {
        "curtainDevicesIds": ["CX"],
        "calibrate": True,
        "group": False,
        "master": True,
        "openDirection": "left",
    }
    account.devices = [listed("CX", "Curtain", **keys)]
    account.statuses = {
        "CX": {"calibrate": True, "group": False, "moving": 0, "slidePosition": 30}
    }
    _, out, _ = await run("devices")
    (line,) = [line for line in out.splitlines() if "CX" in line]
    assert line.count("Curtain") == 2
    row, _ = await row_of(run, "CX")
    assert (row["values"]["slidePosition"], row["values"]["moving"]) == (30, False)
    code, _, err = await run("send", "Curtain", "setPosition", "0,ff,80")
    assert code == 0, err
    assert (await run("send", "Curtain", "setPosition", "80"))[0] == 2
    assert account.sent == [
        (
            "CX",
            {"commandType": "command", "command": "setPosition", "parameter": "0,ff,80"},
        )
    ]  # fmt: skip


async def test_a_device_without_a_type_is_known_by_its_status(run, account):
    account.devices = [listed("H1", "Mist")]
    account.statuses = {"H1": {"nebulizationEfficiency": 40, "auto": True}}
    row, _ = await row_of(run, "H1")
    assert row["device_type"] == "Humidifier"
    assert (await run("send", "Mist", "setMode", "200"))[0] == 2
    code, _, err = await run("send", "Mist", "setMode", "AUTO")
    assert code == 0, err
    assert [sent["parameter"] for _, sent in account.sent] == ["auto"]


async def test_what_the_catalogue_does_not_know_is_passed_through_and_marked(
    run, account
):
    account.devices = [listed("D1", "Device", "Meter"), listed("D2", "New", "Meter 9")]
    account.statuses = {
        "D1": {"temperature": 21.5, "humidity": 40, "radon": 12, "spread": {"a": 1}},
        "D2": {"temperature": 20.0, "radon": 8},
    }
    row, text = await row_of(run, "D1")
    assert (row["values"]["radon"], row["unknown"]) == (12, ["radon"])
    assert "radon? 12" in text
    assert "temperature 21.5 °C" in text
    row, text = await row_of(run, "D2")
    assert row["unknown"] == ["temperature", "radon"]
    assert "radon? 8" in text
    code, _, err = await run("send", "New", "purge")
    assert code == 2
    assert "--unchecked" in err
    assert (await run("send", "New", "purge", "--unchecked"))[0] == 0


@pytest.mark.parametrize(
    ("device_type", "command", "parameter"),
    [
        ("Curtain 4", "setPosition", "0,ff,80"),
        ("RGBICWW Light Bars", "setColorTemperature", "2700"),
        ("AI Art Frame Luma", "next", "default"),
        ("Air Purifier VOC", "setLightColor", "1:2:3"),
        ("Battery Circulator Fan 2 Pro", "setWindMode", "baby"),
        ("Smart Radiator Thermostat", "setManualModeTemperature", "20.5"),
    ],
)
async def test_what_a_public_client_sends_can_be_sent(
    run, account, device_type, command, parameter
):
    account.devices = [listed("D1", "Device", device_type)]
    code, _, err = await run("send", "Device", command, parameter)
    assert code == 0, err
    assert account.sent[0][1]["command"] == command


# --- a webhook that the cloud has and does not name (SwitchBotAPI#393) ------------------

NOT_NAMED = {"statusCode": 190, "body": {}, "message": ""}
TAKEN = {"statusCode": 190, "body": {}, "message": "webhook is exist"}
OURS = "https://home.example.com/push/0urSecret"


@pytest.mark.parametrize("options", [(), ("--replace",)])
async def test_a_webhook_that_is_not_named_is_no_dead_end(run, account, options):
    account.webhook = dict.fromkeys(("queryUrl", "deleteWebhook"), NOT_NAMED)
    account.webhook["setupWebhook"] = TAKEN
    code, _, err = await run("webhook", "setup", OURS, *options)
    assert code == 1
    assert "does not say which" in err
    assert ("--replace" in err) is not bool(options)
    assert ("webhook delete URL" in err) is bool(options)
    assert "0urSecret" not in err


async def test_the_webhook_that_was_not_named_may_be_this_one(run, account):
    answers = iter([TAKEN, good({})])
    account.webhook = {
        "queryUrl": NOT_NAMED,
        "setupWebhook": lambda: next(answers),
        "deleteWebhook": good({}),
    }
    code, out, _ = await run("webhook", "setup", OURS, "--replace", "--json")
    assert (code, json.loads(out)["result"]) == (0, "replaced")
    assert account.webhook_calls == [
        "queryUrl",
        "setupWebhook",
        "deleteWebhook",
        "setupWebhook",
    ]


@pytest.mark.parametrize(
    ("answer", "result"), [(good({}), "deleted"), (NOT_NAMED, "none")]
)
async def test_a_webhook_that_is_not_named_is_deleted_by_its_url(
    run, account, answer, result
):
    account.webhook = {"queryUrl": NOT_NAMED, "deleteWebhook": answer}
    code, out, _ = await run("webhook", "delete", OURS, "--json")
    assert (code, json.loads(out)["result"]) == (0, result)


# --- `init` ----------------------------------------------------------------------------

METER = listed("C271111EC0AB", "Office", "Meter")
PLUG = listed("6055F92BCC46", "Heater plug", "Plug Mini (US)")
SWITCH = listed("A0DDE9FE0001", "Towel rail", "Plug")
VALVE = listed("B0E9FE000001", "Bath radiator", "Smart Radiator Thermostat")
REMOTE = {
    "deviceId": "02-202008110034-13",
    "deviceName": "Office AC",
    "remoteType": "Air Conditioner",
    "hubDeviceId": "FA7310762361",
}


@pytest.mark.parametrize(
    ("devices", "remotes", "words", "unsaid"),
    [
        ([], [], ["the account's list is empty"], []),
        (
            [listed("FA7310762361", "Hub", "Hub Mini"), PLUG],
            [],
            ["nothing measures a room", "nothing heats or cools", "Hub, Heater plug"],
            ["is empty"],
        ),
        ([VALVE], [], ["the room of Bath radiator", "meter"], ["air conditioner"]),
        ([], [REMOTE], ["the room of Office AC"], ["Left aside"]),
        (
            [{**METER, "enableCloudService": False}],
            [REMOTE],
            ["the room of Office AC", "Left aside", ": Office."],
            [],
        ),
        (
            [{**METER, "deviceName": "Balcony"}],
            [REMOTE],
            ["the room of Office AC", "Left aside", ": Balcony."],
            [],
        ),
        ([METER], [], ["no air conditioner"], ["electric heater"]),
        ([METER, PLUG], [], ["no air conditioner", "heater", ": Heater plug."], []),
    ],
)
async def test_an_account_that_keeps_no_room_says_what_is_missing(
    run, account, devices, remotes, words, unsaid
):
    account.devices, account.remotes = devices, remotes
    code, out, err = await run("init", "--yes")
    assert code == 1, err
    for each in words:
        assert each in out, out
    for each in unsaid:
        assert each not in out, out
    code, out, _ = await run("init", "--yes", "--json")
    result = json.loads(out)
    assert code == 1
    assert result["ok"] is result["written"] is False
    assert all(each in result["why"] for each in words)


@pytest.mark.parametrize(("relay", "measures"), [(PLUG, None), (SWITCH, False)])
async def test_where_only_plugs_switch_a_person_says_which_heats(
    run, account, tmp_path, relay, measures
):
    account.devices = [METER, relay]
    account.statuses = {
        METER["deviceId"]: {"temperature": 17.5, "humidity": 40, "battery": 90},
        relay["deviceId"]: {"power": "off", "switchStatus": 0, "weight": 0},
    }
    typed = "1\nwinter\n68-72\n0-24\n"
    code, out, err = await run("init", input=typed)
    assert code == 0, out + err
    written = json.loads((tmp_path / "settings.json").read_text())
    [heater] = written["equipment"]
    assert heater["kind"] == "heater"
    assert heater.get("measures_power") is measures
    assert written["unit"] == "fahrenheit"
    assert written["winter"] == {"min_temp": 68, "max_temp": 72, "target_temp": 70}
    assert "63.5" in out, "the tick speaks in the degrees that were answered"


@pytest.mark.parametrize(
    ("language", "no", "season"),
    [("fr", "non", "hiver"), ("de", "Nein", "Winter"), ("ja", "いいえ", "冬")],
)
async def test_every_answer_may_be_given_in_ones_own_language(
    run, account, tmp_path, language, no, season
):
    account.devices, account.remotes = [METER], [REMOTE]
    account.statuses = {METER["deviceId"]: {"temperature": 17.5, "humidity": 40}}
    typed = f"?\n{no}\n7\n1\n???\n{season}\n60-65C\n20-21\n9\n7-22\n"
    code, out, err = await run(
        "init", input=typed, environment={"SWITCHBOT_LANGUAGE": language}
    )
    assert code == 0, out + err
    written = json.loads((tmp_path / "settings.json").read_text())
    assert written["mode"] == "winter"
    assert written["winter"]["min_temp"] == 20
    assert written["time_windows"][0]["end"] == "22:00"
    for english in ("Error", "is not", "answer with", "no band", "between", "no hours"):
        assert english not in out + err


async def test_settings_that_cannot_be_used_are_named_and_nothing_is_tried(
    run, account, tmp_path
):
    account.devices, account.remotes = [METER], [REMOTE]
    (tmp_path / "settings.json").write_text('{"mod": "winter"}')
    code, out, err = await run("init", "--yes")
    assert code == 1
    assert "did you mean 'mode'" in out
    assert "mend" in out
    assert "Start it with" not in out
    assert err == ""


async def test_a_timezone_that_is_none_is_said_before_anything_is_asked(run, account):
    code, out, err = await run("init", "--timezone", "Mars/Olympus")
    assert code == 2
    assert "Mars/Olympus" in err
    assert out == ""


async def test_names_that_would_steer_the_terminal_do_not(run, account):
    steering = "Off\x1b]0;owned\x07\x1b[31mice"
    account.devices = [{**METER, "deviceName": steering}]
    account.remotes = [{**REMOTE, "deviceName": f"{steering} AC"}]
    account.statuses = {METER["deviceId"]: {"temperature": 17.5, "humidity": 40}}
    for command in (("devices",), ("init", "--yes"), ("status",)):
        _, out, err = await run(*command)
        assert "ice" in out
        assert not {"\x1b", "\x07"} & {*out, *err}, command
