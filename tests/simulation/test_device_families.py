from __future__ import annotations

import base64

import pytest

from switchbot_automation.cloud.catalog.catalog import device_types, find
from switchbot_automation.cloud.events.aes import encrypt_cbc
from switchbot_automation.errors import (
    BadParameterError,
    CloudError,
    UnsupportedCommandError,
)
from switchbot_automation.simulation import Fault
from switchbot_automation.simulation.account.products import one_of_each
from switchbot_automation.simulation.home import AIRCON_ID, METER_ID

ID = "C0FFEE0000AA"


@pytest.fixture
def events(home):
    """Switch events on; return a function that lets time pass and takes them."""
    home.push.wanted = True

    def take(clock, seconds=120):
        clock.advance(seconds)
        home.advance()
        return [
            event["context"]
            for event in home.push.due_events()
            if event["context"].get("deviceMac", ID) == ID
        ]

    return take


async def do(home, clock, device_type, *commands, device_id=ID):
    """Send commands to a new device and return its fields afterwards."""
    home.add_device(device_type, device_id)
    for command in commands:
        name, *parameter = command if isinstance(command, tuple) else (command,)
        await home.command(device_id, name, *parameter)
        clock.advance(30)
    home.advance()
    return dict((await home.status(device_id)).fields)


async def test_an_account_may_hold_one_of_every_product(home):
    home.add_one_of_each()
    found = await home.devices()
    assert len(found.devices) + len(found.remotes) == len(device_types()) + 3
    for device in found.devices:
        status = await home.status(device.device_id)
        products = find(device.device_type, infrared=False)
        names = {field.name for product in products for field in product.status}
        given = set(status.fields) - {"deviceId", "deviceType", "hubDeviceId"}
        assert not products or given <= names
    for remote in found.remotes:
        assert dict((await home.status(remote.device_id)).fields) == {}


def test_every_first_value_is_one_the_catalogue_knows():
    for device in one_of_each("FA7310762361"):
        for field in device.product.status:
            value = device.state[field.name]
            if field.values:
                assert value in field.values, (device.name, field.name)
            # Some numbers are told in words.
            if isinstance(value, int) and field.minimum is not None:
                assert field.minimum <= value <= field.maximum


async def test_every_documented_command_is_accepted_with_its_example(home):
    """Parameters as the catalogue's own hints give them."""
    examples = {
        "0-3": 1, "0-5": 1, "1-100": 50, "0-100": 50, "2700-6500": 3000, "4-35": 21,
        "1-36000": 60, "on|off": "on", "true|false": True, "0|1": 1, "off|1|2": "1",
        "off|0|1": "1", "direct|natural|sleep|baby": "natural", "1|2|3": 1,
        "direct|natural|sleep|hurricane": "natural", "Normal|Standby|Sleep": "Sleep",
        '"1" or "2"': "1", "auto|101|102|103|0-100": 101, "text": "hello",
        "R:G:B, each 0-255": "1:2:3", "channel number e.g. 15": "15",
        '{"id": passcode id}': {"id": "11"},
    }  # fmt: skip
    tried = 0
    for device in one_of_each("FA7310762361"):
        home.account.add(device)
        for spec in device.product.commands:
            if spec.hint == "default" or spec.hint in examples:
                parameter = examples.get(spec.hint, "default")
            elif " e.g. " in spec.hint:
                parameter = spec.hint.split(" e.g. ")[1]
            else:
                continue
            if spec.command_type == "command":
                await home.command(device.device_id, spec.name, parameter)
                tried += 1
    assert tried > 200


async def test_lights_change_brightness_and_colour_and_go_on_by_it(home, clock):
    fields = await do(
        home, clock, "Color Bulb", ("setBrightness", 70), ("setColor", "10:20:30")
    )
    assert (fields["brightness"], fields["color"]) == (70, "10:20:30")
    assert fields["power"] == "on"
    await home.command(ID, "toggle")
    clock.advance(30)
    assert (await home.status(ID)).fields["power"] == "off"


async def test_a_plug_measures_only_while_it_is_on(home, clock):
    assert (await do(home, clock, "Plug Mini (US)"))["weight"] == 0
    await home.command(ID, "turnOn")
    clock.advance(30)
    fields = (await home.status(ID)).fields
    assert fields["power"] == "on"
    assert fields["weight"] > 0
    assert fields["electricCurrent"] > 0


async def test_a_two_channel_relay_switches_one_and_tells_of_one(home, clock, events):
    fields = await do(home, clock, "Relay Switch 2PM", ("turnOn", "2"))
    assert (fields["switch1Status"], fields["switch2Status"]) == (0, 1)
    event = events(clock)[-1]
    assert event["switch2Status"] == 1
    assert "switch1Status" not in event


async def test_locks_speak_another_language_in_events(home, clock, events):
    fields = await do(home, clock, "Smart Lock", "unlock")
    assert fields["lockState"] == "unlocked"
    event = events(clock)[-1]
    assert (event["deviceType"], event["lockState"]) == ("WoLock", "UNLOCKED")
    assert event["doorState"] == "CLOSED"


async def test_a_power_change_is_pushed_in_capitals(home, clock, events):
    await do(home, clock, "Plug Mini (JP)", "turnOn")
    assert events(clock)[-1]["powerState"] == "ON"


async def test_nothing_is_pushed_when_nothing_changes(home, clock, events):
    await do(home, clock, "Plug Mini (JP)", "turnOff")
    assert events(clock) == []


async def test_a_curtain_travels_in_steps_and_tells_of_each(home, clock, events):
    home.add_device("Curtain", ID)
    await home.command(ID, "setPosition", "0,ff,70")
    clock.advance(3)
    fields = (await home.status(ID)).fields
    assert fields["moving"] is True
    assert 0 < fields["slidePosition"] < 70
    positions = [event["slidePosition"] for event in events(clock)]
    assert positions == [20, 40, 60, 70]
    fields = (await home.status(ID)).fields
    assert (fields["moving"], fields["slidePosition"]) == (False, 70)


async def test_a_curtain_stops_at_a_pause_and_obeys_the_newest_command(home, clock):
    home.add_device("Curtain3", ID)
    await home.command(ID, "turnOff")
    clock.advance(3)
    await home.command(ID, "pause")
    clock.advance(60)
    stopped = (await home.status(ID)).fields["slidePosition"]
    assert 0 < stopped < 100
    await home.command(ID, "turnOff")
    clock.advance(3)
    await home.command(ID, "turnOn")
    clock.advance(60)
    assert (await home.status(ID)).fields["slidePosition"] == 0


async def test_moving_can_come_as_the_position(home, clock):
    await do(home, clock, "Curtain", ("setPosition", "0,ff,40"))
    home.faults.inject(Fault.MOVING_AS_NUMBER, device_id=ID)
    assert (await home.status(ID)).fields["moving"] == 40


async def test_blinds_and_shades_have_their_own_parameters(home, clock):
    blind = await do(home, clock, "Blind Tilt", ("setPosition", "down;60"))
    assert (blind["direction"], blind["slidePosition"]) == ("down", 60)
    shade = await do(
        home, clock, "Roller Shade", ("setPosition", 30), device_id="C0FFEE0000AB"
    )
    assert shade["slidePosition"] == 30
    with pytest.raises(BadParameterError):
        await home.command(ID, "setPosition", "down;61")  # even numbers only


@pytest.mark.parametrize(
    ("device_type", "command", "expected"),
    [
        ("Bot", "press", {"power": "on"}),
        ("Robot Vacuum Cleaner S1", "start", {"workingStatus": "Clearing"}),
        ("K10+", "dock", {"workingStatus": "GotoChargeBase"}),
        ("Garage Door Opener", "turnOn", {"doorStatus": 0}),
        ("Smart Radiator Thermostat", ("setMode", 4), {"mode": 4}),
        ("Humidifier", ("setMode", 102), {"nebulizationEfficiency": 67}),
        ("Humidifier2", ("setChildLock", True), {"childLock": True}),
        ("Air Purifier VOC", ("setMode", {"mode": 2}), {"mode": 2, "power": "on"}),
        ("Circulator Fan", ("setWindSpeed", 33), {"fanSpeed": 33}),
        ("Circulator Fan", ("setNightLightMode", "2"), {"nightStatus": "2"}),
        (
            "Battery Circulator Fan 2 Pro",
            ("setNightLightMode", "1"),
            {"nightStatus": "on"},
        ),
        ("Smart Fan", ("setAllStatus", "on,2,3,60"), {"speed": 3, "shaking": True}),
        (
            "RGBICWW Ceiling Light",
            "turnOnMainLight",
            {"power": "partial", "mainLightPower": "on"},
        ),
        ("Kata Friends", ("mode", "Sleep"), {"mode": "Sleep"}),
    ],
)
async def test_commands_show_in_the_status(home, clock, device_type, command, expected):
    fields = await do(home, clock, device_type, command)
    assert {name: fields[name] for name in expected} == expected


async def test_thermometers_of_all_kinds_measure_the_room(home, clock):
    clock.advance(3600)
    fields = await do(home, clock, "Hub 2")
    room = (await home.status(METER_ID)).fields
    assert fields["temperature"] == room["temperature"]
    assert fields["humidity"] == room["humidity"]


async def test_remotes_take_their_commands_and_known_buttons(home, clock):
    remote = home.add_device("DIY TV", "02-202601010000-77")
    remote.buttons = frozenset({"Netflix"})
    await home.command(remote.device_id, "volumeAdd")
    await home.command(remote.device_id, "Netflix", command_type="customize")
    clock.advance(10)
    home.advance()
    assert [command for command, _ in remote.sent] == ["volumeAdd", "Netflix"]
    with pytest.raises(BadParameterError):
        await home.command(remote.device_id, "netflix", command_type="customize")


async def test_a_preset_button_is_pressed_by_its_index(home, clock):
    remote = home.add_device("TV", "02-202601010000-77")
    for device_id in ("02-202601010000-77", AIRCON_ID):
        await home.command(device_id, "7", command_type="tag")
        with pytest.raises(BadParameterError):
            await home.command(device_id, "seven", command_type="tag")
    clock.advance(10)
    home.advance()
    assert remote.sent == [("7", "default")]
    home.add_device("Bot", ID)
    with pytest.raises(CloudError):
        await home.command(ID, "7", command_type="tag")


async def test_a_command_of_another_type_is_151_and_an_unknown_one_160(home):
    home.add_device("Bot", ID)
    for command, code in (("setColor", 151), ("danceTango", 160)):
        with pytest.raises(UnsupportedCommandError) as refused:
            await home.command(ID, command, "1:2:3")
        assert refused.value.status_code == code


async def test_an_unknown_type_cannot_be_added(home):
    with pytest.raises(CloudError, match="Toaster"):
        home.add_device("Toaster", ID)


async def test_the_product_without_a_type_is_listed_without_the_key(home):
    home.add_one_of_each()
    entries = home.account.list_devices()["deviceList"]
    assert sum("deviceType" not in entry for entry in entries) == 1


# --- passcodes ------------------------------------------------------------------------

KEY = {"name": "guest", "type": "permanent", "password": "12345678"}


def key_list(home):
    entries = home.account.list_devices()["deviceList"]
    return next(entry for entry in entries if entry["deviceId"] == ID)["keyList"]


async def test_a_passcode_is_accepted_then_confirmed_and_listed(home, clock, events):
    home.add_device("Keypad Touch", ID)
    result = await home.command(ID, "createKey", KEY)
    assert result.command_id.startswith("CMD")
    assert key_list(home) == []
    event = events(clock)[-1]
    assert (event["eventName"], event["result"]) == ("createKey", "success")
    assert (event["commandId"], event["keyName"]) == (result.command_id, "guest")
    (listed,) = key_list(home)
    assert (listed["name"], listed["type"]) == ("guest", "permanent")
    result = await home.command(ID, "deleteKey", {"id": str(listed["id"])})
    event = events(clock)[-1]
    assert (event["eventName"], event["result"]) == ("deleteKey ", "success")
    assert key_list(home) == []


async def test_a_name_used_twice_or_an_unknown_id_fails_later(home, clock, events):
    home.add_device("Lock Vision", ID)
    for command, parameter in (
        ("createKey", KEY),
        ("createKey", KEY),
        ("deleteKey", {"id": "99"}),
    ):
        await home.command(ID, command, parameter)
    results = [event["result"] for event in events(clock)]
    assert results == ["success", "failed", "failed"]


async def test_a_passcode_s_result_can_fail_time_out_or_never_come(home, clock, events):
    home.add_device("Keypad", ID)
    home.faults.inject(Fault.KEY_FAILED, times=1)
    await home.command(ID, "createKey", KEY)
    assert [event["result"] for event in events(clock)] == ["failed"]
    home.faults.inject(Fault.KEY_TIMEOUT, times=1)
    await home.command(ID, "createKey", KEY)
    assert events(clock, 50) == []
    assert [event["result"] for event in events(clock, 20)] == ["timeout"]
    home.faults.inject(Fault.KEY_SILENT, times=1)
    await home.command(ID, "createKey", KEY)
    assert events(clock, 600) == []
    home.faults.inject(Fault.NO_COMMAND_ID, times=1)
    assert (await home.command(ID, "createKey", KEY)).command_id is None


async def test_listed_passcodes_are_encrypted_with_the_secret(home, clock):
    home.add_device("Keypad", ID)
    await home.command(ID, "createKey", KEY)
    clock.advance(60)
    home.advance()
    (listed,) = key_list(home)
    key, start = bytes.fromhex(home.account.secret), bytes.fromhex(listed["iv"])
    assert base64.b64decode(listed["password"]) == encrypt_cbc(b"12345678", key, start)


def test_encryption_matches_the_published_vectors():
    """NIST SP 800-38A, F.2.1."""
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    plain = bytes.fromhex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    )
    cipher = encrypt_cbc(plain, key, bytes(range(16)))
    assert cipher[:32].hex() == (
        "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
    )
    assert len(cipher) == 48
    with pytest.raises(ValueError, match="16 bytes"):
        encrypt_cbc(plain, b"short", key)


async def test_the_air_conditioner_of_the_room_is_untouched_by_it_all(home, clock):
    home.add_one_of_each()
    await home.command(AIRCON_ID, "setAll", "24,5,3,on")
    clock.advance(60)
    home.advance()
    assert home.room.house.aircon.settings.power
