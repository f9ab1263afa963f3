"""What happens at home without a command: doors, bells, leaks, hands on a lock."""

import pytest

from switchbot_automation.cloud.catalog.catalog import in_status_words, read_event
from switchbot_automation.cloud.events.events import WebhookEvent, WebhookReceiver
from switchbot_automation.simulation.account.products import one_of_each
from switchbot_automation.simulation.home import AIRCON_ID, METER_ID

ID = "C0FFEE0000AA"


@pytest.fixture
def events(home):
    home.push.wanted = True

    def take():
        return [
            event["context"]
            for event in home.push.due_events()
            if ID
            in (event["context"].get("deviceMac"), event["context"].get("deviceId"))
        ]

    return take


@pytest.mark.parametrize(
    ("device_type", "happens", "told"),
    [
        ("Contact Sensor", {"openState": "open"}, {"openState": "open"}),
        ("Contact Sensor", {"doorMode": "OUT_DOOR"}, {"doorMode": "OUT_DOOR"}),
        ("Motion Sensor", {"moveDetected": True}, {"detectionState": "DETECTED"}),
        ("Motion Sensor", {"moveDetected": False}, {"detectionState": "NOT_DETECTED"}),
        ("Presence Sensor", {"Detected": True}, {"detectionState": "DETECTED"}),
        ("Water Detector", {"status": 1}, {"detectionState": 1}),
        ("Hub 3", {"moveDetected": True}, {"detectionState": "DETECTED"}),
        ("Smart Lock", {"lockState": "unlocked"}, {"lockState": "UNLOCKED"}),
        ("Smart Lock", {"doorState": "open"}, {"doorState": "OPENED"}),
        ("Plug Mini (US)", {"power": "on"}, {"powerState": "ON"}),
        ("Plug Mini (EU)", {"overload": True}, {"overload": True}),
        ("Garage Door Opener", {"doorStatus": 0}, {"doorStatus": 0}),
        ("Video Doorbell", {"press": True}, {"press": True}),
        ("Indoor Cam", {"detectionState": "DETECTED"}, {"detectionState": "DETECTED"}),
        ("K10+", {"workingStatus": "InTrouble"}, {"workingStatus": "InTrouble"}),
        ("Kata Friends", {"status": "Playing"}, {"status": "Playing"}),
        ("MeterPro(CO2)", {"CO2": 1400}, {"CO2": 1400}),
        ("Bot", {"battery": 9}, {"battery": 9}),
    ],
)
async def test_it_is_pushed_as_the_product_tells_it_and_shows_in_the_status(
    home, events, device_type, happens, told
):
    home.add_device(device_type, ID)
    home.happen(ID, **happens)
    (event,) = events()
    assert told.items() <= event.items()
    status = (await home.status(ID)).fields
    assert {k: v for k, v in happens.items() if k in status}.items() <= status.items()


async def test_products_that_push_nothing_change_in_silence(home, events):
    home.add_device("Humidifier", ID)
    home.happen(ID, lackWater=True)
    assert events() == []
    assert (await home.status(ID)).fields["lackWater"] is True


def test_what_a_device_does_not_have_cannot_happen_to_it(home):
    home.add_device("Bot", ID)
    for device_id, fields in (
        (ID, {"temperature": 3}),
        (AIRCON_ID, {"power": "on"}),
        (METER_ID, {"temperature": 3}),
    ):
        with pytest.raises(ValueError, match="does not change so"):
            home.happen(device_id, **fields)
    with pytest.raises(KeyError):
        home.happen("nobody", power="on")


def test_every_product_that_has_events_is_understood_by_the_receiver(home, clock):
    """From the simulated cloud's words through the receiver to the catalogue's."""
    home.push.wanted = True
    receiver = WebhookReceiver(max_devices=200)
    pushed = 0
    for device in one_of_each("FA7310762361"):
        home.account.add(device)
        fields = {
            field.name: device.state[field.name]
            for field in device.product.status
            if not device.infrared
        }
        if not fields or not device.product.webhook_types:
            continue
        home.happen(device.device_id, **fields)
        for payload in home.push.due_events():
            event = receiver.receive(payload, clock.now(), clock.monotonic())
            assert isinstance(event, WebhookEvent), (device.name, event)
            assert event.device_id == device.device_id
            reading = read_event(event.context, device_type=device.device_type)
            assert not reading.doubts, (device.name, reading.doubts)
            assert in_status_words(reading)
            pushed += 1
    assert pushed > 60
