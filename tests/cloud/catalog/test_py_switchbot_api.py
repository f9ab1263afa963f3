"""py-switchbot-api, written by others, on the simulated cloud.

Nothing of it is changed but the host it calls. What works here works for the real
cloud's other clients, so the simulation is not merely what our own client expects.
"""

import asyncio
import inspect

import pytest
import switchbot_api
from aiohttp import web
from switchbot_api import (
    Commands,
    CommonCommands,
    Device,
    Remote,
    SwitchBotAPI,
    SwitchBotConnectionError,
    SwitchBotDeviceOfflineError,
    commands,
)

from switchbot_automation.cloud.catalog.catalog import device_types, find
from switchbot_automation.cloud.catalog.schema import Integer, Number
from switchbot_automation.simulation import FakeSwitchBotCloud, Fault
from switchbot_automation.simulation.home import AIRCON_ID, METER_ID

ID = "C0FFEE0000AA"
DIGITS = "73912864"
PATIENCE_SECONDS = 20.0

PARAMETERS = {
    "changeParam": {"fanLevel": 2, "times": 1},
    "createKey": {"name": "guest", "type": "permanent", "password": DIGITS},
    "deleteKey": {"id": "11"},
    "setAll": "24,5,1,on",
    "startClean": {"action": "sweep", "param": {"fanLevel": 2, "times": 1}},
    "uploadImage": {"imageUrl": "https://example.com/a.png"},
    "setPosition": {
        "Blind Tilt": "up;60",
        **dict.fromkeys(commands.CurtainCommands.get_supported_devices(), "0,ff,80"),
    },
    "setMode": {
        "Humidifier": "auto",
        "Humidifier 2": {"mode": 7},
        "Relay Switch 2PM": "1;0",
        **{
            purifier: {"mode": 2}
            for purifier in commands.AirPurifierCommands.get_supported_devices()
        },
    },
    "setColor": "10:20:30",
    "setColorLightRGB": "10:20:30",
    "setWindMode": "natural",
    "setNightLightMode": "off",
    "mode": "Sleep",
}  # fmt: skip


@pytest.fixture
async def cloud(monkeypatch):
    """A cloud whose home lives an hour in each second: commands take effect at once."""
    async with FakeSwitchBotCloud(speed=3600) as running:
        monkeypatch.setattr(switchbot_api, "_API_HOST", running.base_url)
        yield running


@pytest.fixture
async def api(cloud):
    async with SwitchBotAPI(cloud.token, cloud.secret) as api:
        yield api


async def test_it_lists_every_device_and_remote(api, cloud):
    cloud.home.add_one_of_each()
    listed = await api.list_devices()
    devices = [entry for entry in listed if isinstance(entry, Device)]
    remotes = [entry for entry in listed if isinstance(entry, Remote)]
    ours = await cloud.home.devices()
    assert {d.device_id for d in devices} == {d.device_id for d in ours.devices}
    assert {r.device_id for r in remotes} == {
        remote.device_id for remote in ours.remotes if remote.remote_type != "Others"
    }
    air_conditioner = next(r for r in remotes if r.device_id == AIRCON_ID)
    assert air_conditioner.device_type == "Air Conditioner"


async def test_it_reads_the_status_of_every_device(api, cloud):
    cloud.home.add_one_of_each()
    for entry in await api.list_devices():
        status = await api.get_status(entry.device_id)
        if isinstance(entry, Remote):
            assert status == {}
        else:
            assert status["deviceId"] == entry.device_id
    meter = await api.get_status(METER_ID)
    shown = cloud.account.devices[METER_ID].fields()["temperature"]
    assert meter["temperature"] == pytest.approx(shown, abs=1.0)


def every_command():
    """Return each command it has for a device type, as type and enum member."""
    for kind in vars(commands).values():
        if not (inspect.isclass(kind) and issubclass(kind, Commands)):
            continue
        if kind in {Commands, CommonCommands}:
            continue
        for device_type in kind.get_supported_devices():
            for command in kind:
                yield device_type, command


def parameter_for(device_type, command):
    parameter = PARAMETERS.get(command.value)
    if isinstance(parameter, dict) and device_type in parameter:
        return parameter[device_type]
    if command.value in {"setMode", "setPosition"}:
        parameter = None
    if parameter is not None:
        return parameter
    for product in find(device_type):
        spec = product.command(command.value)
        if spec is not None and isinstance(spec.schema, Integer | Number):
            return spec.schema.maximum
        if spec is not None and spec.hint != "default":
            return spec.hint.split("|")[0].split("/")[0]
    return "default"


async def test_it_sends_every_command_it_has(api, cloud):
    sent = 0
    for number, (device_type, command) in enumerate(every_command()):
        infrared = device_type == "Air Conditioner"
        device_id = AIRCON_ID if infrared else f"C0FFEE{number:06X}"
        if not infrared:
            cloud.home.add_device(device_type, device_id)
        known = find(device_type)[0].command(command.value)
        assert known is not None, (device_type, command)
        await api.send_command(
            device_id, command, parameters=parameter_for(device_type, command)
        )
        sent += 1
    assert sent > 110


async def test_a_command_shows_in_the_status(api, cloud):
    cloud.home.add_device("Plug Mini (JP)", ID)
    cloud.account.command_delay_seconds = 0
    for command in (CommonCommands.ON, CommonCommands.OFF):
        await api.send_command(ID, command)
        assert (await api.get_status(ID))["power"] == command.name.lower()
    await api.send_command(
        AIRCON_ID, commands.AirConditionerCommands.SET_ALL, parameters="25,5,3,on"
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        # The unit hears a scheduled change at the home's next step.
        while not cloud.home.room.house.aircon.settings.power:
            await api.get_status(ID)
    assert cloud.home.room.house.aircon.settings.setpoint == 25.0


LOCKS = [
    product.device_type
    for product in device_types()
    if any(field.name == "lockState" for field in product.status)
]


@pytest.mark.parametrize("device_type", LOCKS)
async def test_a_lock_says_what_its_clients_know(api, cloud, device_type):
    """Its states are the library's own, which Home Assistant and others compare with."""
    cloud.home.add_device(device_type, ID)
    cloud.account.command_delay_seconds = 0
    for command, state in (
        (commands.LockCommands.LOCK, "locked"),
        (commands.LockCommands.UNLOCK, "unlocked"),
    ):
        await api.send_command(ID, command)
        assert (await api.get_status(ID))["lockState"] == state


async def test_a_passcode_is_made_listed_and_read(api, cloud):
    cloud.home.add_device("Keypad Touch", ID)
    await api.send_command(
        ID, commands.KeyPadCommands.CREATE_KEY, parameters=PARAMETERS["createKey"]
    )
    listed = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not listed:  # four seconds of the home, a thousandth of one here
            listed = (await api.get_status(ID))["keyList"]
    digits = api.aes_128_cbc_decrypt(listed[0]["password"], listed[0]["iv"])
    assert digits == DIGITS


async def test_the_webhook_is_set_up_read_used_and_deleted(api, cloud):
    posted = []

    async def receive(request):
        posted.append(await request.json())
        return web.Response()

    application = web.Application()
    application.router.add_post("/push", receive)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/push"
        with pytest.raises(SwitchBotConnectionError):
            await api.get_webook_configuration()
        await api.setup_webhook(url)
        assert await api.get_webook_configuration() == {"urls": [url]}
        with pytest.raises(SwitchBotConnectionError):
            await api.setup_webhook("https://example.com/another")
        cloud.account.command_delay_seconds = 0
        cloud.home.add_device("Color Bulb", ID)
        await api.send_command(ID, CommonCommands.ON)
        await cloud.deliver_events()
        told = [event["context"] for event in posted]
        assert {"powerState": "ON", "deviceMac": ID}.items() <= next(
            context for context in told if context["deviceMac"] == ID
        ).items()
        await api.delete_webhook(url)
        with pytest.raises(SwitchBotConnectionError):
            await api.delete_webhook(url)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.OFFLINE, SwitchBotDeviceOfflineError),
        (Fault.HUB_OFFLINE, SwitchBotDeviceOfflineError),
        (Fault.DEVICE_ERROR, SwitchBotConnectionError),
        (Fault.DAILY_LIMIT, SwitchBotConnectionError),
        (Fault.TOO_MANY_429, SwitchBotConnectionError),
        (Fault.UNAUTHORIZED, SwitchBotConnectionError),
        (Fault.SERVER_ERROR, SwitchBotConnectionError),
        (Fault.DROPPED, SwitchBotConnectionError),
    ],
)
async def test_it_meets_its_own_errors(api, cloud, fault, error):
    cloud.faults.inject(fault)
    with pytest.raises(error):
        await api.send_command(AIRCON_ID, CommonCommands.ON)


async def test_a_wrong_secret_is_refused(cloud):
    async with SwitchBotAPI(cloud.token, "f" * 32) as api:
        with pytest.raises(SwitchBotConnectionError):
            await api.list_devices()
    assert cloud.unauthorized == 1
    assert not cloud.calls
