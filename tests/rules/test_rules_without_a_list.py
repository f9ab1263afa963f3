"""The device list fails, for days, while every other call answers (SwitchBotAPI#307)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.engine.documents.documents import SideDocument
from switchbot_automation.errors import CloudServerError, CloudTimeoutError
from switchbot_automation.model import Device, DeviceList, DeviceStatus
from switchbot_automation.rules.running.account import Known, KnownAccount, named
from switchbot_automation.simulation import SimulatedClock

METER, DOOR, LAMP = "C271111EC0AB", "D00000000001", "1A0000000002"
BROKEN = CloudServerError("190: Cannot read properties of undefined")
HOT = {"trigger": "numeric_state", "zone": "default", "above": 25}
TELL = {"action": "notify", "message": "$rule"}


def opened(device):
    return {
        "trigger": "state",
        "device": device,
        "attribute": "openState",
        "to": "open",
    }


def rule(*actions, triggers=HOT, **parts):
    return {"id": "it", "triggers": triggers, "actions": list(actions), **parts}


def command(device, word="turnOn", **more):
    return {"action": "command", "device": device, "command": word, **more}


async def heated(house):
    """Have the room cool at one tick and hot at the next."""
    house.cloud.temperature = 21.0
    await house.tick()
    house.cloud.temperature = 26.5
    await house.tick(after=60)


@pytest.fixture
def listless(house):
    """A home whose device list never answered yet."""
    house.cloud.broken["devices"] = BROKEN
    return house


def account_of(house):
    return house.store.get("account_state")


# --- an id is believed ----------------------------------------------------------------


async def test_a_device_is_read_by_its_id(listless):
    listless.rules(rule(TELL, triggers=opened(DOOR)))
    await listless.live(601)
    listless.cloud.door = "open"
    await listless.live(301)
    assert listless.told.messages == [(None, "it")]


async def test_a_device_is_heard_by_its_id(listless):
    listless.rules(rule(TELL, triggers=opened(DOOR)))
    await listless.tick()
    await listless.push(DOOR, "WoContact", openState="close")
    await listless.tick(after=5)
    await listless.push(DOOR, "WoContact", openState="open")
    await listless.tick(after=5)
    assert listless.told.messages == [(None, "it")]


async def test_an_id_of_any_form_is_believed_once_it_was_heard(listless):
    listless.rules(rule(TELL, triggers=opened("KP-7")))
    await listless.tick()
    await listless.push("KP-7", "WoContact", openState="close")
    await listless.tick(after=5)
    await listless.push("KP-7", "WoContact", openState="open")
    await listless.tick(after=5)
    assert listless.told.messages == [(None, "it")]


async def test_a_device_is_commanded_by_its_id_after_its_type_was_asked(listless):
    async def status(device_id):
        fields = {"power": "off", "temperature": listless.cloud.temperature}
        kind = "Color Bulb" if device_id == LAMP else "Meter"
        listless.cloud.calls.append(f"status {device_id}")
        return DeviceStatus(device_id, kind, fields, listless.clock.now())

    listless.cloud.status = status
    listless.restarted()
    listless.rules(rule(command(LAMP, "setBrightness", parameter="40")))
    await heated(listless)
    assert listless.cloud.sent == ["setBrightness 40"]
    await heated(listless)
    assert listless.cloud.sent == ["setBrightness 40"] * 2
    assert listless.cloud.calls.count(f"status {LAMP}") == 1


async def test_what_the_type_does_not_know_is_still_refused(listless):
    async def status(device_id):
        fields = {"temperature": listless.cloud.temperature}
        return DeviceStatus(device_id, "Meter", fields, listless.clock.now())

    listless.cloud.status = status
    listless.restarted()
    listless.rules(rule(command(LAMP)))
    await heated(listless)
    assert listless.outcomes == ["failed"]
    assert listless.cloud.sent == []


async def test_without_a_type_a_command_of_any_product_goes_out(listless):
    listless.cloud.broken[f"status {LAMP}"] = CloudTimeoutError("no")
    listless.rules(rule(command(LAMP), command(LAMP, "danceNow")))
    await heated(listless)
    assert listless.cloud.sent == ["turnOn"]
    (trace,) = listless.document["traces"]
    assert "danceNow" in str(trace["steps"][-1])


async def test_a_passcode_for_a_door_of_an_unknown_type_is_not_shown(listless):
    listless.cloud.broken[f"status {LAMP}"] = CloudTimeoutError("no")
    key = {"name": "guest", "type": "permanent", "password": "73912864"}
    listless.rules(rule(command(LAMP, "createKey", parameter=key)))
    await heated(listless)
    assert "73912864" in listless.cloud.sent[0]
    assert "73912864" not in str(listless.document)


async def test_a_name_cannot_be_believed(listless):
    listless.rules(rule(command("Lamp")))
    await heated(listless)
    assert listless.cloud.sent == []
    assert "device list cannot be read" in str(listless.document["rules"])


async def test_a_list_that_answers_again_ends_the_belief(listless):
    unknown = "A0B1C2D3E4F5"
    listless.rules(rule(TELL, triggers=opened(unknown)))
    await listless.live(601)
    assert f"status {unknown}" in listless.cloud.calls
    del listless.cloud.broken["devices"]
    await listless.live(1200)
    listless.cloud.calls.clear()
    await listless.live(1200)
    assert f"status {unknown}" not in listless.cloud.calls


# --- what was known is remembered -----------------------------------------------------


async def test_names_and_types_are_known_after_a_restart(house):
    house.rules(rule(command("Lamp", "setBrightness", parameter=40)))
    await heated(house)
    assert account_of(house)["listed_at"] == "2026-01-12T12:00:00+00:00"
    house.cloud.broken["devices"] = BROKEN
    house.restarted()
    house.clock.advance(3600)
    await heated(house)
    assert house.cloud.sent == ["setBrightness 40"] * 2
    assert f"status {LAMP}" not in house.cloud.calls


async def test_what_is_remembered_says_how_old_it_is(house):
    house.rules(rule(command("Lamp")))
    await heated(house)
    house.cloud.broken["devices"] = BROKEN
    house.restarted()
    house.rules(rule(TELL, triggers=opened("Front door")))
    await house.live(86_400)
    account = (await house.engine.health())["rules"]["account"]
    assert account["listed_at"] == "2026-01-12T12:00:00+00:00"
    assert account["devices"] == 5
    (problem,) = account["problems"]
    assert "190" in problem
    assert "2026-01-12T12:00:00+00:00" in problem


async def test_a_failed_list_is_asked_for_again_and_not_at_each_tick(listless):
    listless.rules(rule(TELL, triggers=opened(DOOR)))
    await listless.live(3600)
    assert 4 <= listless.cloud.calls.count("devices") <= 5
    del listless.cloud.broken["devices"]
    await listless.live(1200)
    assert (await listless.engine.health())["rules"]["account"]["problems"] == []


async def test_an_engine_without_rules_writes_nothing_of_the_account(house):
    house.rules()
    await house.live(3600)
    assert account_of(house) == {}


# --- what the list itself says --------------------------------------------------------


@pytest.fixture
def relisted(house):
    """Change what the account lists."""

    def relist(change):
        devices = house.cloud.devices

        async def changed():
            return change(await devices())

        house.cloud.devices = changed
        house.restarted()

    return relist


async def test_a_cloud_service_that_is_off_is_told_of_what_matters_only(
    house, relisted
):
    def off(listed):
        devices = tuple(replace(each, cloud_service=False) for each in listed.devices)
        return replace(listed, devices=devices)

    relisted(off)
    house.rules(rule(command("Lamp"), triggers=opened("Front door")))
    await house.tick()
    problems = (await house.engine.health())["rules"]["account"]["problems"]
    assert [each.partition(" is off")[0] for each in problems] == [
        f"the cloud service of {name}" for name in ("Meter", "Front door", "Lamp")
    ]
    assert all("Cloud Services" in each for each in problems)


async def test_an_empty_list_is_explained_and_takes_nothing_away(house, relisted):
    house.rules(rule(command("Lamp")))
    await heated(house)
    relisted(lambda _listed: DeviceList((), ()))
    await heated(house)
    assert house.cloud.sent == ["turnOn"] * 2


async def test_a_list_that_was_always_empty_is_explained(house, relisted):
    relisted(lambda _listed: DeviceList((), ()))
    house.rules(rule(command("Lamp"), triggers=opened(DOOR)))
    await house.tick()
    (problem,) = (await house.engine.health())["rules"]["account"]["problems"]
    assert "empty" in problem


async def test_a_curtain_without_a_type_is_commanded(house, relisted):
    keys = dict.fromkeys(
        ("curtainDevicesIds", "calibrate", "group", "master", "openDirection")
    )
    curtain = Device(
        "CC0000000009", "Curtain", "", None, cloud_service=True, extra=keys
    )
    relisted(lambda listed: replace(listed, devices=(*listed.devices, curtain)))
    house.rules(rule(command("Curtain", "setPosition", parameter="0,ff,80")))
    await heated(house)
    assert house.cloud.sent == ["setPosition 0,ff,80"]


async def test_a_device_that_nothing_tells_the_type_of_takes_what_any_product_takes(
    house, relisted
):
    bare = Device("CC0000000009", "Bare", "", None, cloud_service=True)
    relisted(lambda listed: replace(listed, devices=(*listed.devices, bare)))
    house.cloud.broken["status CC0000000009"] = CloudTimeoutError("no")
    house.rules(
        rule(
            command("Bare", "setPosition", parameter="0,ff,80"),
            command("Bare", "setPosition", parameter={"up": 1}),
        )
    )
    await heated(house)
    assert house.cloud.sent == ["setPosition 0,ff,80"]
    assert house.outcomes == ["failed"]
    assert house.cloud.calls.count("status CC0000000009") == 1


TYPELESS = "CC0000000009"


@pytest.fixture
def typeless(house, relisted):
    """A home with a device that is listed without a type."""
    bare = Device(TYPELESS, "Bare", "", None, cloud_service=True)
    relisted(lambda listed: replace(listed, devices=(*listed.devices, bare)))
    return house


async def test_a_device_listed_without_a_type_is_known_by_its_status(typeless):
    """SwitchBotAPI devices/*.md: a status may name no type either."""

    async def status(device_id):
        fields = {"temperature": typeless.cloud.temperature}
        kind = "Meter"
        if device_id == TYPELESS:
            fields, kind = {"nebulizationEfficiency": 50, "power": "on"}, ""
        return DeviceStatus(device_id, kind, fields, typeless.clock.now())

    typeless.cloud.status = status
    typeless.restarted()
    typeless.rules(rule(command("Bare", "setMode", parameter="AUTO")))
    await heated(typeless)
    assert typeless.cloud.sent == ["setMode auto"]
    typeless.rules(rule(command("Bare", "setPosition", parameter="0,ff,80")))
    await heated(typeless)
    assert typeless.cloud.sent == ["setMode auto"]


async def test_a_device_listed_without_a_type_is_known_by_its_event(typeless):
    typeless.cloud.broken[f"status {TYPELESS}"] = CloudTimeoutError("no")
    typeless.rules(
        rule(
            command("Bare", "setPosition", parameter="0,ff,80"),
            command("Bare", "press"),
        )
    )
    await typeless.tick()
    await typeless.push(TYPELESS, "WoCurtain3", slidePosition=3)
    await heated(typeless)
    assert typeless.cloud.sent == ["setPosition 0,ff,80"]
    assert typeless.outcomes == ["failed"]


async def test_an_event_that_may_be_of_several_products_tells_no_type(typeless):
    typeless.cloud.broken[f"status {TYPELESS}"] = CloudTimeoutError("no")
    typeless.rules(rule(command("Bare", "setPosition", parameter="0,ff,80")))
    await typeless.tick()
    await typeless.push(TYPELESS, "WoContact", openState="open")
    await heated(typeless)
    assert typeless.cloud.sent == ["setPosition 0,ff,80"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["listed_at", "devices", "id", "name", "type", "infrared"]
                ),
                inner | st.just("2026-01-12T12:00:00+00:00"),
            )
        ),
    )
)
def test_whatever_lies_in_the_store_is_read_or_left(document):
    kept = SideDocument("account_state")
    kept.data = kept.stored = document if isinstance(document, dict) else {}
    account = KnownAccount(None, SimulatedClock(), kept)
    for device in account.devices or ():
        assert isinstance(device, Known)
        assert device in named(device.device_id, account.devices)
    account.report({"", DOOR})
