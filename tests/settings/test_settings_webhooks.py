from __future__ import annotations

import pytest

from switchbot_automation.errors import SettingsError
from switchbot_automation.model import Action
from switchbot_automation.settings.read import (
    check_settings,
    parse_settings,
)

WINTER = {"min_temp": 19.0, "max_temp": 21.0, "target_temp": 22.0}
SUMMER = {"min_temp": 23.0, "max_temp": 26.0, "target_temp": 24.0}
SECRET = "s3cr3t-key"
HOOK = f"https://maker.ifttt.com/trigger/x/with/key/{SECRET}"
DASHBOARD = {
    "automation_enabled": True,
    "mode": "winter",
    "poll_interval_seconds": 30,
    "hysteresis_celsius": 0.3,
    "command_cooldown_seconds": 60,
    "action_on_cooldown_seconds": 420,
    "action_off_cooldown_seconds": 61,
    "off_repeat_count": 2,
    "off_repeat_interval_seconds": 12,
    "turn_off_outside_windows": True,
    "timezone": "Europe/Paris",
    "api_quota_warning_threshold": 251,
    "meter_device_id": "C271111EC0AB",
    "aircon_device_id": "02-202008110034-13",
    "winter": {**WINTER, "fan_speed": 3, "ac_mode": 5},
    "summer": {**SUMMER, "fan_speed": 2, "ac_mode": 2},
    "aircon_scenes": {"winter": "T02-20250101-01", "off": "T02-20250101-04", "fan": ""},
    "ifttt_webhooks": {"winter": HOOK, "off": HOOK.replace("/x/", "/y/"), "fan": ""},
    "time_windows": [{"days": [0, 1, 2, 3, 4, 5, 6], "start": "10:00", "end": "01:00"}],
}


def problem(document) -> SettingsError:
    """The only problem of a document; its message names the path and no secret."""
    errors = check_settings(document)
    assert len(errors) == 1, [str(error) for error in errors]
    assert SECRET not in str(errors[0]) + repr(errors[0])
    assert str(errors[0]).startswith(errors[0].path)
    with pytest.raises(SettingsError) as caught:
        parse_settings(document)
    assert str(caught.value) == str(errors[0])
    return errors[0]


# --- webhooks ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["webhooks", "ifttt_webhooks"])
@pytest.mark.parametrize(
    "url",
    [
        f"http://example.com/{SECRET}",
        f"https://192.168.1.4/{SECRET}",
        f"https://127.1/{SECRET}",
        f"https://[::ffff:10.0.0.1]/{SECRET}",
        f"ftp://example.com/{SECRET}",
        f"maker.ifttt.com/trigger/x/with/key/{SECRET}",
        f"https://example.com/ {SECRET}",
    ],
)
def test_a_webhook_must_be_https_and_public(name, url):
    assert problem({name: {"off": url}}).path == f"{name}.off"


def test_an_allowed_host_may_be_private_and_plain():
    url = "http://homeassistant.local:8123/api/webhook/key"
    document = {"webhooks": {"off": url}}
    assert check_settings(document)
    document["webhook_allowed_hosts"] = ["HomeAssistant.local"]
    default = parse_settings(document).default
    assert default.webhooks == {Action.OFF: url}
    assert default.webhook_allowed_hosts == {"homeassistant.local"}


def test_settings_do_not_show_webhooks():
    text = repr(parse_settings(DASHBOARD))
    assert SECRET not in text
    assert "ifttt" not in text


@pytest.mark.parametrize(
    "document",
    [
        {"aircon_scenes": {"off": HOOK}},
        {"aircon_scenes": {"off": HOOK.removeprefix("https://")}},
        {"aircon_scenes": HOOK},
        {"webhooks": HOOK},
        {"meter_device_id": HOOK},
        {"mode": HOOK},
        {"poll_interval_seconds": HOOK},
        {"timezone": HOOK},
        {"webhook_allowed_hosts": [HOOK]},
        {"cascade": [HOOK]},
        {"time_windows": [HOOK]},
        {"zones": {"office": HOOK}},
    ],
)
def test_a_webhook_in_the_wrong_place_is_not_shown(document):
    problem(document)  # which looks for the key in the message
