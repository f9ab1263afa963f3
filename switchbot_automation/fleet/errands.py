"""What one visit to a home is for, as plain data: a tick, an event, or a person's word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.errors import SettingsError
from switchbot_automation.languages import worded
from switchbot_automation.model import Command, CommandStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.engine import AutomationEngine

WEBHOOK: Final = "webhook"
REFRESH: Final = "refresh"
# Methods of the engine, with the arguments that may be given for them.
_WORDS: Final = {
    "act": ("zone", "action", "hold"),
    "hold": ("zone", "hold"),
    "resume": ("zone",),
    "set_temperature": ("zone", "low", "high", "until"),
    "set_preset_mode": ("zone", "preset", "until"),
}
_KINDS: Final = {**_WORDS, WEBHOOK: ("payload",), REFRESH: ()}
_OPTIONAL: Final = {
    ("act", "hold"),
    ("set_temperature", "until"),
    ("set_preset_mode", "until"),
}


class Errand(NamedTuple):
    """Why a home is visited before its time.

    `kind` is ``act``, ``hold``, ``resume``, ``set_temperature`` or ``set_preset_mode``,
    with the engine's arguments of the same name as JSON has them; ``webhook`` with the
    cloud's `payload`; ``refresh``.

    >>> from switchbot_automation.fleet.errands import Errand, checked_errand
    >>> checked_errand({"kind": "act", "zone": "living", "action": "off"})
    Errand(kind='act', arguments={'zone': 'living', 'action': 'off'})
    """

    kind: str
    arguments: Mapping[str, Any]

    @property
    def by_person(self) -> bool:
        """Whether somebody waits for it, and what it promises must be kept at once."""
        return self.kind in _WORDS

    @property
    def lane(self) -> str:
        """In which turn of its home's it is done; "" for that of its ticks.

        Of what is not known here nothing is said but that it holds up nobody.
        """
        if self.kind not in _KINDS:
            return "unknown"
        return "person" if self.by_person else ""

    def to_document(self) -> dict[str, Any]:
        """Return it as it travels."""
        return {"kind": self.kind, **self.arguments}


def checked_errand(document: Mapping[str, Any]) -> Errand:
    """Return the errand that a document tells of. Raises SettingsError naming the key."""
    arguments = dict(document)
    kind = arguments.pop("kind", None)
    if kind not in _KINDS:
        raise SettingsError(
            worded(
                "no errand {kind!r}; there are {kinds}",
                kind=kind,
                kinds=", ".join(_KINDS),
            ),
            path="kind",
        )
    for name in arguments:
        if name not in _KINDS[kind]:
            raise SettingsError(
                worded("the errand {kind!r} takes no {name!r}", kind=kind, name=name),
                path=name,
            )
    for name in _KINDS[kind]:
        if name not in arguments and (kind, name) not in _OPTIONAL:
            raise SettingsError(
                worded("the errand {kind!r} needs it", kind=kind), path=name
            )
    return Errand(str(kind), arguments)


async def run_errand(engine: AutomationEngine, errand: Errand) -> list[Command]:
    """Do it; return what was sent for it. Raises what the engine's method raises."""
    if errand.kind == WEBHOOK:
        await engine.look()  # or else it knows no device yet
        await engine.handle_webhook(errand.arguments["payload"])
        return []
    if errand.kind not in _WORDS:
        return []
    done = await getattr(engine, errand.kind)(**errand.arguments)
    return [done] if isinstance(done, Command) else []


def was_sent(command: Command) -> bool:
    """Tell whether anything went to the cloud for a command."""
    return command.status not in {CommandStatus.BLOCKED, CommandStatus.DECIDED}
