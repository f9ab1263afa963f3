"""What the parts of a tick have to know of a kind of equipment. Pure.

Everything else speaks one language: an `Action`, and where there is a setpoint the
``temperature,mode,fan,power`` of an air conditioner, see `core.state.unit`. A kind
translates it into what its devices take, and back from what they show.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias

from switchbot_automation.model import Action, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping

Cost: TypeAlias = Literal["compressor", "relay", "valve", "nothing"]
By: TypeAlias = Literal["setpoint", "level", "on-off"]
Fails: TypeAlias = Literal["off", "low setpoint", "stays"]

DEFAULT: Final = "default"
"""The parameter of a command that takes none."""

ONLINE: Final = ("online", "onlineStatus")
"""Where a status says that the cloud has lost its device."""

_MODE_HEAT: Final = 5


class EquipmentKind(ABC):
    """One kind of equipment.

    `cost` is what a start wears: it says which minimum times and caps `presumes` brings.
    `lowest` and `highest` are the setpoints it takes, in degrees Celsius, None for a kind
    that is only on or off. `proportional`: it heats by being on for a share of a cycle.
    `guards_itself`: it has a thermometer of its own, so without a meter it is left at a
    low setpoint rather than off. `tells_setpoint`: its status says what it was told.
    `own` is what it does whatever the season, None for what heats or cools. `abilities`
    are that in words, `by` how much of it is told, `fails` what becomes of it where
    nobody knows the room any more. `categories` are those of the catalogue that its
    products are of, none for every product that has what it `takes`; what has one of the
    commands that it `lacks` is another kind's.
    `options` are the keys of its entry beside `kind` and `device_id`; `presumes` are
    settings that a zone has which says nothing of them. `by_hand_seconds`: for how long it is
    left as a hand set it at the device, where the settings say nothing of that. `takes` is a command that every
    device of the kind has. `first` is what one of SwitchBot's is told before each setting, as the
    mode in which it takes one; None: nothing.
    """

    word: ClassVar[str]
    does: ClassVar[frozenset[Action]]
    own: ClassVar[Action | None] = None
    abilities: ClassVar[frozenset[str]]
    by: ClassVar[By] = "setpoint"
    fails: ClassVar[Fails] = "off"
    categories: ClassVar[frozenset[str]] = frozenset()
    lacks: ClassVar[frozenset[str]] = frozenset()
    cost: ClassVar[Cost]
    takes: ClassVar[str]
    first: ClassVar[tuple[str, Any] | None] = None
    lowest: ClassVar[float | None] = None
    highest: ClassVar[float | None] = None
    proportional: ClassVar[bool] = False
    guards_itself: ClassVar[bool] = False
    tells_setpoint: ClassVar[bool] = True
    options: ClassVar[frozenset[str]] = frozenset()
    presumes: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    by_hand_seconds: ClassVar[int] = 0

    sets: ClassVar[bool] = False
    """Whether it takes a setpoint. Follows `lowest`."""
    able: ClassVar[frozenset[Action]]
    """What its devices can be told to do; everything can be off. Follows `does`."""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.sets = cls.lowest is not None
        cls.able = getattr(cls, "does", frozenset()) | {Action.OFF}

    def can(self, action: Action) -> bool:
        """Tell whether its devices can be told to do that; everything can be off."""
        return action in self.able

    def nearest(self, celsius: float) -> float:
        """Return the setpoint that it takes next to this one, in degrees Celsius."""
        low = celsius if self.lowest is None else max(self.lowest, celsius)
        return low if self.highest is None else min(self.highest, low)

    def setting(self, degrees: str, mode: int, fan: int) -> str | None:
        """Return what an action comes to, None for a kind without a setpoint.

        `degrees` is the setpoint as text; a kind that has no modes or fans says which of
        them it means.
        """
        return f"{degrees},{mode},{fan},on" if self.sets else None

    @abstractmethod
    def command(
        self, action: Action, setting: str | None, channel: int
    ) -> tuple[str, Any]:
        """Return the command and its parameter that carry an action out."""

    def words(self, action: Action, setting: str | None, channel: int) -> str:
        """Say what is sent, as ``setAll(26,5,3,on)``."""
        command, parameter = self.command(action, setting, channel)
        return command if parameter == DEFAULT else f"{command}({parameter})"

    def shown(self, fields: Mapping[str, Any], channel: int) -> Mapping[str, Any]:
        """Return what a device's status says, as an air conditioner would say it."""
        del channel
        return fields

    def idles(self, fields: Mapping[str, Any], channel: int) -> bool:
        """Tell whether the relay that a unit hangs on is on, where it says so.

        Then watts that are missing are the unit's own doing, and no order was lost.
        """
        del fields, channel
        return False

    def hindrance(self, fields: Mapping[str, Any]) -> ReasonCode | None:
        """Return what a device's status says that keeps it from its work, None: nothing."""
        del fields
        return None

    def beside_it(self, fields: Mapping[str, Any]) -> float | None:
        """Return the degrees Celsius of what heats, as its status says, None: it says none.

        Where it is warmer than its room, it heats, whatever it says that it does.
        """
        del fields
        return None


class Heating(EquipmentKind):
    """What only heats: it has one mode and no fan."""

    does: ClassVar[frozenset[Action]] = frozenset({Action.WINTER})
    abilities: ClassVar[frozenset[str]] = frozenset({"heat"})

    def setting(self, degrees: str, mode: int, fan: int) -> str | None:
        """Return the setpoint in the one mode there is."""
        del mode, fan
        return super().setting(degrees, _MODE_HEAT, 1)


class OnOff(EquipmentKind):
    """What is on or off: `turnOn` and `turnOff`, of a channel where there are several.

    Not what presses a button, which nobody knows the effect of.
    """

    takes = "turnOn"
    lacks: ClassVar[frozenset[str]] = frozenset({"press"})
    by: ClassVar[By] = "on-off"

    def command(
        self, action: Action, setting: str | None, channel: int
    ) -> tuple[str, Any]:
        """Return `turnOn` or `turnOff`."""
        del setting
        word = "turnOff" if action is Action.OFF else "turnOn"
        return word, str(channel) if channel else DEFAULT

    def shown(self, fields: Mapping[str, Any], channel: int) -> Mapping[str, Any]:
        """Return its power; its mode and its own thermometer are no air conditioner's."""
        del channel
        return {key: fields[key] for key in ("power", *ONLINE) if key in fields}
