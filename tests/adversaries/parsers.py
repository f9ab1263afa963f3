"""Our own parsers of what comes from outside, and what each may raise."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson

from switchbot_automation.cloud.events.events import WebhookReceiver
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.errors import SettingsError
from switchbot_automation.instants import parse_instant
from switchbot_automation.settings import parse_settings
from switchbot_store import StoreConfigError, StoreDataError
from switchbot_store.backup.format import BackupReader
from switchbot_store.codec import UnreadableError
from switchbot_store.files.formats import format_of
from switchbot_store.files.lines import read_lines
from switchbot_store.history.phone_app.export import AppExport
from switchbot_store.ops.statements.validation import validated

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
_SAMPLES = Path(__file__).parents[2] / "examples"
_FOLDER = Path(tempfile.gettempdir())


def _object(data: bytes) -> dict[str, object]:
    with suppress(orjson.JSONDecodeError):
        found = orjson.loads(data)
        if isinstance(found, dict):
            return found
    return {}


def _csv(file: Path) -> None:
    for block in AppExport(file, zone="office", timezone="Europe/Paris").blocks():
        assert len(block)


def _backup(file: Path) -> None:
    with BackupReader(file) as reader:
        for _record in reader.records():
            pass


def _of_file(take: Callable[[Path], object]) -> Callable[[bytes], None]:
    file = Path(tempfile.mkdtemp(dir=_FOLDER), "given")

    def taken(data: bytes) -> None:
        file.write_bytes(data)
        take(file)

    return taken


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


_CSV = b"Timestamp,Temperature_Celsius(\xe2\x84\x83),Relative_Humidity(%)\n2025-08-03 12:00,21.5,40\n"
_EVENT = b'{"eventType":"changeReport","eventVersion":"1","context":{"deviceType":"WoMeter","deviceMac":"C271111EC0AB","temperature":22.5,"scale":"CELSIUS","humidity":31,"timeOfSample":1768219200000}}'


class Parser(NamedTuple):
    """What makes it, what it may raise, and where to begin."""

    make: Callable[[], Callable[[bytes], object]]
    may_raise: tuple[type[Exception], ...]
    beginning: bytes


PARSERS = {
    "json": Parser(
        lambda: lambda data: format_of("a.json").read(data, key="settings"),
        (UnreadableError,),
        b'{"a": [1, 2.5, "x", null]}',
    ),
    "json5": Parser(
        lambda: lambda data: format_of("a.json5").read(data, key="settings"),
        (UnreadableError,),
        b"{a: [1, .5, 'x',], // why\n}",
    ),
    "yaml": Parser(
        lambda: lambda data: format_of("a.yaml").read(data, key="settings"),
        (UnreadableError,),
        b"a:\n  - 1\n  - x: {y: 2}\n",
    ),
    "settings": Parser(
        lambda: lambda data: parse_settings(_object(data)),
        (SettingsError,),
        (_SAMPLES / "sample_settings.json").read_bytes(),
    ),
    "state": Parser(
        lambda: lambda data: ZoneState.from_document(_object(data)),
        (),
        b'{"assumed_aircon_power": "on", "hold_until": "2026-01-12T12:00:00Z"}',
    ),
    "event": Parser(
        lambda: lambda data: WebhookReceiver().receive(data, NOON, 0.0),
        (),
        _EVENT,
    ),
    "csv": Parser(lambda: _of_file(_csv), (StoreDataError, StoreConfigError), _CSV),
    "lines": Parser(lambda: _of_file(lambda file: read_lines(str(file))), (), b"x"),
    "backup": Parser(lambda: _of_file(_backup), (StoreDataError,), b'{"format": 1}\n'),
    "instant": Parser(
        lambda: lambda data: parse_instant(_text(data), timezone=UTC),
        (ValueError,),
        b"2026-01-12T12:00:00+01:00",
    ),
    "sql": Parser(
        lambda: lambda data: validated(_text(data)),
        (StoreDataError,),
        b"SELECT zone, avg(temperature) FROM state_history GROUP BY 1",
    ),
}
