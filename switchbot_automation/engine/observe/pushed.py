"""Pushed events as readings, and when they are worth more than asking.

Once a meter's events have agreed with what the cloud answered a few times, its line
counts as proved: it then answers in the cloud's place, and the meter is asked only now
and then, or when nothing was heard for a while. One answer that no event told of, and
the proof begins anew. Until the first event nothing here runs.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.cloud.events.events import (
    CHANGE_REPORT,
    RefusedWebhook,
    WebhookReceiver,
)
from switchbot_automation.core.control.band import edges_of
from switchbot_automation.core.overlay import zone_in_force
from switchbot_automation.core.state.around import shown_by
from switchbot_automation.core.state.meter import Reading
from switchbot_automation.core.state.said import (
    believable,
    finite,
    is_celsius,
    said_by_event,
    unit_told,
)
from switchbot_automation.core.state.wishes import asks_otherwise, wish_in_force
from switchbot_automation.model import PLUGIN_PREFIX, Power
from switchbot_automation.schedule.windows import in_window

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.catalog.catalog import Value
    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_automation.core.state.said import Statement
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.settings.model import Settings, ZoneSettings

PROOF = 3
"""How many events must have agreed with the cloud's answer, none disagreeing since."""

HEARTBEAT_SECONDS = 1800.0
"""How often a meter is asked although its events say it all: some get lost, 25 to 70 %
of those of a busy device (SwitchBotAPI#299)."""

QUIET_SECONDS = 600.0
"""So long without an event and the meter is asked: a real one whose room moved sent
after 61 to 465 seconds, and a webhook may stop being called without a word."""

# A value is what the cloud shows until the next one, so it is worth a tick of its own.
_FRESH_SECONDS = 120.0
# Both come from one value of the cloud's, in tenths; more is another value.
_AGREE_KELVIN = 0.051
# So many answers in a row that contradict the events, and events are no readings.
_MISTRUSTED = 3
# Between two ticks a busy house sends dozens; the newest count.
_KEPT_SIGNS = 500


@dataclass(slots=True)
class _Line:
    """What is known of one meter's events. Seconds are monotonic.

    `temperature`, `humidity` and `co2` are the newest known, told or asked, of `known_at`;
    `told` is the last event's temperature, `counted` whether it was compared. `scaled` is
    the last one as it came in another scale than Celsius, `unit` what an answer told of
    such.
    """

    asked_at: float
    heard_at: float = -math.inf
    temperature: float | None = None
    humidity: float | None = None
    co2: float | None = None
    known_at: datetime | None = None
    told: float | None = None
    counted: bool = True
    agreed: int = 0
    contradicted: int = 0
    fresh: bool = False
    scaled: float | None = None
    unit: str | None = None


class Taken(NamedTuple):
    """An event that came in, or why it was refused, and what it is to the zones.

    `zones` are those it is a reading of, `around` whether it is of a sensor around one;
    `said` is what it says, None where nobody had to find that out.
    """

    event: WebhookEvent | RefusedWebhook
    zones: tuple[str, ...] = ()
    around: bool = False
    said: Statement | None = None

    @property
    def concerns(self) -> bool:
        """Whether it is of a device of the settings."""
        return bool(self.zones or self.around)


class Pushes:
    """The events of one engine's meters."""

    def __init__(self, documents: Documents, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock
        self._receiver = WebhookReceiver()
        self.heard: dict[str, _Line] = {}
        """By its meter, what events said; empty where no webhook comes in."""
        self._signs: deque[tuple[str, Mapping[str, Any], datetime, bool]] = deque(
            maxlen=_KEPT_SIGNS
        )
        self._shown: dict[str, tuple[bool | None, ...]] = {}
        self.wake: bool = False
        """A tick is wanted for what came in since the last one read the meters."""

    def take(self, payload: Mapping[str, Any]) -> Taken:
        """Take an event in; return it, or why not, and what it is to the zones.

        Sets `wake` where it says that a threshold that matters was crossed.
        """
        life = self._documents.life
        settings, known = life.settings, life.devices
        now, seconds = self._clock.now(), self._clock.monotonic()
        event = self._receiver.receive(payload, now, seconds, known=known.all)
        if isinstance(event, RefusedWebhook):
            return Taken(event)
        around = event.device_id in known.sensors
        if around:
            self._take_sign(event)
        names = known.zones.get(event.device_id)
        if names is None or settings is None:
            return Taken(event, around=around)
        zones = [settings.zones[name] for name in names]
        said = _said_of(event)
        if self._hear(event, said, zones, seconds) and not self.wake:
            self.wake = any(
                self._matters(settings, zone, event.device_id, now) for zone in zones
            )
        return Taken(event, names, around=around, said=said)

    def concerns(self, device_id: str) -> bool:
        """Tell whether a device is a meter of a zone, or lies around one."""
        return device_id in self._documents.life.devices.all

    def _take_sign(self, event: WebhookEvent) -> None:
        """Keep what a sensor around a zone showed; a change is worth a tick at once."""
        self._signs.append((event.device_id, event.context, event.sampled_at, True))
        said = believable(event.context)
        shows = tuple(shown_by(said, opening=each) for each in (True, False))
        if self._shown.get(event.device_id) != shows:
            self._shown[event.device_id] = shows
            self.wake = True

    def forget_heard(self) -> None:
        """Take no meter's events for its answer until it was asked or heard again."""
        for line in self.heard.values():
            line.heard_at = -math.inf
            line.fresh = False

    def told_signs(self) -> list[tuple[str, Mapping[str, Any], datetime, bool]]:
        """Return what sensors around the zones showed since this was last asked."""
        told = list(self._signs)
        self._signs.clear()
        return told

    def answer(self, device_id: str, *, force: bool = False) -> Reading | None:
        """Return what the meter's events say now; None where it has to be asked."""
        line = self.heard.get(device_id)
        if line is None or force or not self._speaks(line):
            return None
        now = self._clock.now()
        at = min(now, line.known_at or now) if self._is_fresh(line) else now
        line.fresh = False
        return Reading(line.temperature, line.humidity, at, source="push", co2=line.co2)

    def speak_for(self, zone: ZoneSettings) -> bool:
        """Tell whether something new is known of a zone that takes no call to read."""
        if not self.heard:
            return False
        lines = [self.heard.get(meter) for meter in zone.meters]
        return any(line is not None and self._is_fresh(line) for line in lines) and all(
            line is not None and self._speaks(line) for line in lines
        )

    def asked(self, device_id: str, reading: Reading) -> None:
        """Compare what the cloud answered with what the events said."""
        line = self.heard.get(device_id)
        if line is None:
            return
        line.asked_at = self._clock.monotonic()
        line.fresh = False
        if reading.temperature is None:
            return
        if line.scaled is not None:
            line.unit = unit_told(line.scaled, reading.temperature) or line.unit
            line.scaled = None
        line.known_at = reading.received_at
        line.temperature, line.humidity = reading.temperature, reading.humidity
        line.co2 = reading.co2
        if line.told is None:
            return
        if abs(line.told - reading.temperature) > _AGREE_KELVIN:
            line.agreed = 0
            line.contradicted += 1
            if line.contradicted >= _MISTRUSTED:
                line.unit = None
            return
        line.contradicted = 0
        # What asking saves is calls; a plug-in's sensor costs none, and may fall silent.
        if not device_id.startswith(PLUGIN_PREFIX):
            line.agreed += not line.counted
        line.counted = True
        line.heard_at = line.asked_at

    def proved(self, device_id: str) -> bool:
        """Tell whether a meter's events are taken in place of asking."""
        line = self.heard.get(device_id)
        return line is not None and line.agreed >= PROOF

    def _hear(
        self,
        event: WebhookEvent,
        said: Statement | None,
        zones: list[ZoneSettings],
        seconds: float,
    ) -> bool:
        """Keep an event of a meter; tell whether it is a reading.

        `said` is what it says, where that is known.

        One in another scale than Celsius is none before an answer of the cloud, which is
        always in Celsius, has told the unit of that meter: documents say that events are
        in Celsius whatever the app shows (SwitchBot API v1.1, webhook events of the
        meters), and people's are not all.
        """
        if event.event_type != CHANGE_REPORT or "temperature" not in event.values:
            return False
        line = self.heard.get(event.device_id)
        if said is None:
            said = said_by_event(
                event.context,
                device_type=event.device_type,
                unit=line.unit if line else None,
                read=event.reading,
            )
        temperature = finite(said.values.get("temperature"))
        scaled = None
        if not is_celsius(event.context):
            scaled = _number(event.values.get("temperature"))
        possible = temperature is not None and any(
            zone.plausible_min_celsius <= temperature <= zone.plausible_max_celsius
            for zone in zones
        )
        if not possible and (scaled is None or (line is not None and line.unit)):
            return False
        if line is None:
            states = [self._documents.states[zone.name] for zone in zones]
            read_at = [
                state.last_read_at
                for state in states
                if state.last_read_at and not state.last_temperature_stale
            ]
            read = max(read_at, default=None)
            line = self.heard[event.device_id] = _Line(seconds, known_at=read)
        line.scaled = scaled
        if temperature is None or not possible:
            return False
        line.told, line.counted, line.heard_at = temperature, False, seconds
        at = event.sampled_at
        if line.known_at is not None and at < line.known_at:
            # The cloud was asked since; where it said something else it is asked again.
            return False
        line.known_at, line.temperature = at, temperature
        line.humidity = _number(event.merged.get("humidity"))
        line.co2 = _number(event.merged.get("CO2")) or line.co2
        line.fresh = line.contradicted < _MISTRUSTED
        return line.fresh

    def _is_fresh(self, line: _Line) -> bool:
        age = self._clock.monotonic() - line.heard_at
        return line.fresh and age <= _FRESH_SECONDS

    def _speaks(self, line: _Line) -> bool:
        seconds = self._clock.monotonic()
        if line.temperature is None or seconds - line.asked_at >= HEARTBEAT_SECONDS:
            return False
        return self._is_fresh(line) or (
            line.agreed >= PROOF
            and seconds - line.heard_at < QUIET_SECONDS
            # A late event that contradicts the last answer: one of them is wrong.
            and line.told is not None
            and abs(line.told - line.temperature) <= _AGREE_KELVIN
        )

    def _matters(
        self, settings: Settings, zone: ZoneSettings, device_id: str, now: datetime
    ) -> bool:
        """Tell whether a zone's threshold lies between its last reading and this one."""
        line = self.heard[device_id]
        if line.temperature is None or not zone.automation_enabled:
            return False
        if len(zone.sensors) > 1 and not self.speak_for(zone):
            return False
        return self._crossed(settings, zone, line.temperature, now) and (
            in_window(zone.time_windows, now, zone.timezone) is not None
            or wish_in_force(self._documents.states[zone.name], now) is not None
        )

    def _crossed(
        self, settings: Settings, zone: ZoneSettings, temperature: float, now: datetime
    ) -> bool:
        state = self._documents.states[zone.name]
        before = state.last_temperature
        if before is None or state.last_temperature_stale:
            return True
        if settings.changing or asks_otherwise(state):
            zone = zone_in_force(settings, zone.name, state, now)
        edges = edges_of(zone)
        if edges is None:
            return False
        crossed = [
            running
            for running in (True, False)
            if edges.ahead(temperature, running=running) <= 0
            and edges.ahead(before, running=running) > 0
        ]
        if not crossed or state.uncertain or state.power is Power.UNKNOWN:
            return bool(crossed)
        return state.compressor_running in crossed


def _said_of(event: WebhookEvent) -> Statement | None:
    """Return what an event says to whoever asks; None where it hangs on what else is known.

    That is its meter's scale, where it is not Celsius, or another type in the list.
    """
    reading, context = event.reading, event.context
    if (
        reading is None
        or reading.product is None
        or event.device_type not in ("", context.get("deviceType"))
        or not is_celsius(context)
    ):
        return None
    return said_by_event(context, new=event.values, read=reading)


def _number(value: Value | None) -> float | None:
    """Return what the catalogue read as a number, which is finite; a switch is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value
