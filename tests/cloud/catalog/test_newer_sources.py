"""What a newer client or document has is found; what the catalogue has is not told."""

from pathlib import Path

import pytest
import switchbot_api

from switchbot_automation.cloud.catalog import catalog
from tests.cloud.catalog.newer import (
    Found,
    main,
    missing,
    said_by_client,
    said_by_document,
)

DOCUMENT = """\
# Circulator Fan

## Device List Information

| Key | Value Type | Description |
| --- | --- | --- |
| deviceId | String | device ID |
| deviceType | String | device type. _Circulator Fan_ |
| hubDeviceId | String | device's parent Hub ID |

## Device Status

| Key | Value Type | Description |
| --- | --- | --- |
| deviceType | String | device type. _Circulator Fan_ |
| fanSpeed | Integer | fan speed. 1~100 |
| ionizer | String | _on_ or _off_ |

## Control Commands

| deviceType | commandType | Command | command parameter | Description |
| --- | --- | --- | --- | --- |
| Circulator Fan | command | setWindSpeed | `{1-100}` e.g. `10` | Set fan speed |
| Circulator Fan | command | setIonizer | `on` or `off` | Set the ionizer |
| Ceiling Fan | command | turnOn | default | set to ON state |

## Webhook Events

| Key Name | Value Type | Description |
| --- | --- | --- |
| eventType | String | the type of events |
| powerState | String | ON/OFF state |
| filterLeft | Integer | hours |
"""
CLIENT = '''\
from enum import Enum

class Commands(Enum):
    """Base."""

class FanCommands(Commands):
    SET_WIND_SPEED = "setWindSpeed"
    SET_IONIZER = "setIonizer"

    @classmethod
    def get_supported_devices(cls) -> list[str]:
        """Get supported devices."""
        return ["Circulator Fan", "Ceiling Fan"]

class FanMode(Enum):
    BABY = "baby"
    STORM = "storm"
'''


def test_a_document_s_new_types_fields_and_commands_are_found():
    assert missing(said_by_document(DOCUMENT)) == [
        Found("Circulator Fan", "field", "ionizer"),
        Found("Circulator Fan", "command", "setIonizer"),
        Found("Ceiling Fan", "type", "Ceiling Fan"),
        Found("Ceiling Fan", "command", "turnOn"),
        Found("Circulator Fan", "field", "filterLeft"),
    ]


def test_a_client_s_new_types_commands_and_words_are_found(tmp_path):
    (tmp_path / "commands.py").write_text(CLIENT)
    assert missing(said_by_client(tmp_path)) == [
        Found("Circulator Fan", "command", "setIonizer"),
        Found("Ceiling Fan", "type", "Ceiling Fan"),
        Found("Ceiling Fan", "command", "setWindSpeed"),
        Found("Ceiling Fan", "command", "setIonizer"),
        Found("FanMode", "word", "storm"),
    ]


def test_the_catalogue_has_all_that_the_installed_client_has():
    found = list(said_by_client(Path(switchbot_api.__file__).parent))
    assert len({each.device_type for each in found if each.kind == "type"}) > 50
    assert {each.name for each in found if each.kind == "word"} > {"halfLocked", "baby"}
    assert missing(found) == []


def test_the_command_says_so_and_ends_with_one(tmp_path, capsys):
    (tmp_path / "fan.md").write_text(DOCUMENT)
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "Circulator Fan: command setIonizer" in said
    known = DOCUMENT.replace("setIonizer", "turnOff").replace("Ceiling Fan", "Fan")
    known = known.replace("ionizer", "mode").replace("filterLeft", "mode")
    (tmp_path / "fan.md").write_text(known)
    assert main([str(tmp_path / "fan.md")]) == 0


def document_of(product):
    """Return a product as a document would have it."""
    rows = ["| Key | Value Type | Description |", "| --- | --- | --- |"]
    rows += [f"| deviceType | String | device type. _{product.device_type}_ |"]
    rows += [f"| {field.name} | {field.type} | - |" for field in product.status]
    commands = [
        "| deviceType | commandType | Command | parameter |",
        "|---|---|---|---|",
    ]
    commands += [
        f"| {product.device_type} | command | {spec.name} | default |"
        for spec in product.commands
        if spec.command_type == "command"
    ]
    return "\n".join(
        [f"# {product.name}", "## Device Status", *rows, "## Commands", *commands]
    )


@pytest.mark.parametrize(
    "product",
    [each for each in catalog.device_types() if each.device_type],
    ids=lambda each: each.name,
)
def test_nothing_that_is_known_is_missing_and_all_that_is_not_is_found(product):
    text = document_of(product)
    assert missing(said_by_document(text)) == []
    for field in product.status[:1]:
        newer = text.replace(f"| {field.name} |", "| neverHeardOf |")
        assert Found(product.device_type, "field", "neverHeardOf") in missing(
            said_by_document(newer)
        )
