"""Which device a belief is about: the unit a zone commands, the meters it reads. Pure.

A unit is its `aircon_device_id`. Where a zone has none, it is what its scenes and webhooks
act on, so that two settings mean the same unit as long as they share one of them.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from switchbot_automation.model import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from switchbot_automation.model import PluginPart
    from switchbot_automation.settings.model import Settings, ZoneSettings

_PLUGIN = "plugin:"
_DIGITS = 12


class UnitId(NamedTuple):
    """What tells one unit from another.

    `starts` and `stops` are the scenes and webhooks that make it run and that turn it
    off, a webhook as a digest, since its URL is a password. `part` is a digest of a
    plug-in's own settings, which say what stands behind its name.
    """

    device_id: str = ""
    starts: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    part: str = ""

    @property
    def name(self) -> str:
        """What to call it: its device id, else what acts on it."""
        return self.device_id or " ".join(self.starts or self.stops)

    def is_same(self, other: UnitId) -> bool:
        """Tell whether two zones mean one unit.

        Not for a shared OFF alone: a scene that turns everything off is no identity.
        """
        if self.device_id and other.device_id:
            return self.device_id == other.device_id
        return not set(self.starts).isdisjoint(other.starts)

    def stays(self, wanted: UnitId) -> bool:
        """Tell whether a zone's own unit is still meant by its new settings."""
        if self.is_same(wanted):
            return True
        both = self.device_id and wanted.device_id
        return not both and not set(self.stops).isdisjoint(wanted.stops)

    def to_document(self) -> dict[str, Any]:
        """Return it as a document, without what is empty."""
        parts = {
            "device_id": self.device_id,
            "starts": list(self.starts),
            "stops": list(self.stops),
            "part": self.part,
        }
        return {key: value for key, value in parts.items() if value}

    @classmethod
    def from_document(cls, value: Any) -> UnitId | None:
        """Read a document, however damaged; None where it names no unit."""
        if not isinstance(value, dict):
            return None
        device_id, part = value.get("device_id"), value.get("part")
        unit = cls(
            device_id if isinstance(device_id, str) else "",
            texts(value.get("starts")),
            texts(value.get("stops")),
            part if isinstance(part, str) else "",
        )
        return unit if unit.name else None


class Identity(NamedTuple):
    """What a zone's settings name: its unit, None without any, and its meters."""

    unit: UnitId | None
    meters: tuple[str, ...]


def identities(settings: Settings) -> dict[str, Identity]:
    """Return what each zone of the settings names."""
    return {
        name: Identity(unit_of(zone, settings.plugins), zone.meters)
        for name, zone in settings.zones.items()
    }


def unit_of(zone: ZoneSettings, plugins: Mapping[str, PluginPart]) -> UnitId | None:
    """Return the unit that a zone commands, None for one that commands none."""
    starts = {
        way
        for action in Action
        if action is not Action.OFF
        for way in _ways(zone, action)
    }
    part = plugins.get(zone.aircon_device_id.removeprefix(_PLUGIN))
    plugged = part if zone.aircon_device_id.startswith(_PLUGIN) else None
    unit = UnitId(
        zone.aircon_device_id,
        tuple(sorted(starts)),
        tuple(sorted(_ways(zone, Action.OFF))),
        _digest(plugged.fingerprint) if plugged else "",
    )
    return unit if unit.name else None


def texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a document's list, without what is anything else."""
    found: Iterable[Any] = value if isinstance(value, list) else ()
    return tuple(each for each in found if isinstance(each, str))


def _ways(zone: ZoneSettings, action: Action) -> Iterator[str]:
    scene, webhook = zone.scenes.get(action), zone.webhooks.get(action)
    if scene:
        yield f"scene:{scene}"
    if webhook:
        yield f"webhook:{_digest(webhook)}"


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()[:_DIGITS]
