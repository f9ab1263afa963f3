"""What devices say now, for a person: read once, shown as rows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

from switchbot_automation.cli.field_words import both_words, field_word, value_word
from switchbot_automation.cli.output import echo
from switchbot_automation.cli.targets import (
    CUT_OFF,
    NOTHING_LISTED,
    can_be_read,
    find_target,
    is_cut_off,
    type_of,
)
from switchbot_automation.cloud.catalog.catalog import presumed_by_status, read_status
from switchbot_automation.core.state.said import said_by_status
from switchbot_automation.errors import (
    AuthError,
    ClockSkewError,
    CloudError,
    QuotaExhaustedError,
)
from switchbot_automation.explain.words import reason_words
from switchbot_automation.languages import (
    CELSIUS,
    SYMBOLS,
    error_words,
    from_celsius,
    later,
    measured_in,
    number_words,
    symbol,
)
from switchbot_automation.languages import translated as _
from switchbot_automation.model import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from switchbot_automation import SwitchBotClient
    from switchbot_automation.cloud.catalog.catalog import DeviceReading
    from switchbot_automation.core.state.said import Statement
    from switchbot_automation.model import Device, Remote

COLUMNS = (later("name"), later("type"), later("says"), later("id"))

# These concern the account: every other device would say the same.
_OF_THE_ACCOUNT = (AuthError, ClockSkewError, QuotaExhaustedError)

_SAID_NOTHING = later("the cloud answered, and says nothing of it")

# Stands after a name that the catalogue does not have.
_UNKNOWN_MARK = "?"

# What a person does not look for.
_DULL = frozenset({"version", "calibrate", "group", "latestImage", "filterElement"})


@dataclass(frozen=True, slots=True)
class Row:
    """One device with what it said, or why it said nothing."""

    device_id: str
    name: str
    device_type: str
    text: str
    values: dict[str, Any] = field(default_factory=dict)
    # Names among `values` that the catalogue does not have: they are as they came.
    unknown: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as an object."""
        return {
            "device_id": self.device_id,
            "name": self.name,
            "device_type": self.device_type,
            "values": self.values,
            "unknown": list(self.unknown),
            "doubts": list(self.doubts),
            "error": self.error,
        }

    def cells(self) -> tuple[str, ...]:
        """Return what stands in `COLUMNS`."""
        return (self.name, self.device_type or _("unknown"), self.text, self.device_id)


async def targets(
    client: SwitchBotClient, wanted: Sequence[str]
) -> list[Device | Remote]:
    """Return the devices of those names or ids, all of them if none are named.

    An empty list is explained on standard error. Raises Misuse, CloudError.
    """
    found = await client.devices()
    if not wanted:
        if not (found.devices or found.remotes):
            echo(_("warning: {problem}", problem=_(NOTHING_LISTED)), err=True)
        return [*found.devices, *found.remotes]
    return [find_target(found, each) for each in wanted]


async def look(
    client: SwitchBotClient, entries: Iterable[Device | Remote]
) -> list[Row]:
    """Ask every device that can be asked, one call each.

    One that is offline is a row that says so; what concerns the whole account is raised.
    """
    return list(await asyncio.gather(*(_row(client, entry) for entry in entries)))


async def _row(client: SwitchBotClient, entry: Device | Remote) -> Row:
    about = (entry.device_id, entry.name, type_of(entry))
    if not can_be_read(entry):
        return Row(*about, _("cannot be read"))
    try:
        status = await client.status(entry.device_id)
    except _OF_THE_ACCOUNT:
        raise
    except CloudError as error:
        words = error_words(error)
        if is_cut_off(entry):
            words = f"{words}; {_(CUT_OFF)}"
        return Row(*about, words, error=words)
    reading = read_status(status)
    passed = _plain(reading)
    values = {**reading.values, **passed}
    if not about[2]:
        # The list gave it no type: its own answer, or what is in it, may tell.
        kind = status.device_type or presumed_by_status(status.fields)
        about = (entry.device_id, entry.name, kind)
    doubts = (*reading.doubts, *_not_believed(said_by_status(status)))
    if not values:
        doubts = (*doubts, _(_SAID_NOTHING))
    if is_cut_off(entry):
        doubts = (*doubts, _(CUT_OFF))
    said = _text(reading, values, doubts)
    return Row(*about, said, values, tuple(passed), doubts)


def _not_believed(said: Statement) -> Iterator[str]:
    """Say what neither a zone nor a rule takes of this, and why not.

    What makes all of it doubtful the reading itself has said.
    """
    for why in dict.fromkeys(said.doubts.values()):
        if why in (ReasonCode.ALL_ZEROS, ReasonCode.DEVICE_OFFLINE):
            continue
        names = ", ".join(
            field_word(name) for name, each in said.doubts.items() if each is why
        )
        words = reason_words({"code": str(why)}, UTC)
        yield _("{names} not believed: {why}", names=names, why=words)


def _plain(reading: DeviceReading) -> dict[str, Any]:
    return {
        name: value
        for name, value in reading.unknown.items()
        if isinstance(value, (str, int, float, bool))
    }


def _text(
    reading: DeviceReading, values: dict[str, Any], doubts: tuple[str, ...]
) -> str:
    units = {each.name: each.unit for each in reading.product.status} if (
        reading.product
    ) else {}  # fmt: skip
    shown = [
        _value_text(f"{name}{_UNKNOWN_MARK}", value, "")
        if name in reading.unknown
        else both_words(name, value)
        or _value_text(field_word(name), value_word(value), units.get(name, ""))
        for name, value in values.items()
        if name not in _DULL and not isinstance(value, dict)
    ]
    if doubts:
        shown.append(_("doubtful: {why}", why=_("; ").join(doubts)))
    return ", ".join(shown) or _("nothing")


def _value_text(name: str, value: Any, unit: str) -> str:
    if isinstance(value, bool):
        return " ".join((name, _("yes") if value else _("no")))
    if unit == SYMBOLS[CELSIUS] and isinstance(value, int | float):
        value, unit = from_celsius(float(value), measured_in()), symbol()
    number = number_words(value) if isinstance(value, float) else f"{value}"
    return f"{name} {number}{f' {unit}' if unit else ''}"
