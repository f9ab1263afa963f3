"""What can come between a room and what is said of it, each as one small class.

An adversary takes hold of one room of a `Home` by `begin` and returns what ends it, or
None where there is nothing to end: a hand at the remote. `evidence` says after how many
seconds the home's words can show it: a meter that stands still looks like a calm room for
hours, and one alone that drifts never shows it. `plain`: the words are nonsense to anybody
who reads them, so health has to name it whether the room suffers or not. `wide`: it
strikes the whole account.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from math import inf
from typing import Any, ClassVar

from hypothesis import strategies as st

from switchbot_automation.simulation.faults import RefusedError
from switchbot_automation.simulation.house.aircon import AirconMode
from tests.adversaries.home import OPEN_WINDOW_LOSS, Fields, Home, Room, Undo

FROZEN_AFTER = 4 * 3600.0
"""How long a meter may stand still by default, `sensor_frozen_seconds`."""

APART_AFTER_KELVIN = 3.0
"""Two meters of one room that are this far apart contradict each other."""


@dataclass(frozen=True)
class Adversary:
    """Something that interferes; see the module.

    `wide` strikes the whole account, `plain` is plainly nonsense. `hides`: meanwhile
    nobody can see how the room comes back, or it is not to be kept.
    """

    wide: ClassVar[bool] = False
    plain: ClassVar[bool] = False
    hides: ClassVar[bool] = False

    def begin(self, room: Room) -> Undo | None:
        raise NotImplementedError

    def evidence(self, room: Room) -> float:
        return 0.0


# --- a hand at the unit, the mains, the hub's light -----------------------------------


@dataclass(frozen=True)
class RemoteOff(Adversary):
    """Somebody turns the unit off by its remote."""

    def begin(self, room: Room) -> None:
        room.remote(power=False)


@dataclass(frozen=True)
class RemoteOn(Adversary):
    """Somebody turns the unit on by its remote, as warm or cold as it goes."""

    def begin(self, room: Room) -> None:
        winter = room.home.season == "winter"
        mode = AirconMode.HEAT if winter else AirconMode.COOL
        room.remote(power=True, mode=mode, setpoint=30.0 if winter else 16.0, fan=4)


@dataclass(frozen=True)
class RemoteMode(Adversary):
    """Somebody presses another mode: dry, fan, or the other season's."""

    mode: AirconMode

    def begin(self, room: Room) -> None:
        room.remote(mode=self.mode)


@dataclass(frozen=True)
class RemoteSetpoint(Adversary):
    """Somebody asks by remote for another temperature."""

    setpoint: float

    def begin(self, room: Room) -> None:
        room.remote(setpoint=self.setpoint)


@dataclass(frozen=True)
class MainsDip(Adversary):
    """The mains fail for a moment; the unit comes back off, or on as it likes to."""

    comes_back_on: bool = False

    def begin(self, room: Room) -> None:
        room.remote(power=self.comes_back_on)


@dataclass(frozen=True)
class BurstsLost(Adversary):
    """The next bursts of infrared miss the unit."""

    bursts: int = 1

    def begin(self, room: Room) -> Undo:
        left = iter([True] * self.bursts)
        return room.deafen(lambda: next(left, False))


@dataclass(frozen=True)
class HardOfHearing(Adversary):
    """Something stands in the hub's light: many bursts miss the unit."""

    percent: int = 60

    def begin(self, room: Room) -> Undo:
        chance = room.home.random
        return room.deafen(lambda: chance.random() * 100 < self.percent)


# --- the unit itself ------------------------------------------------------------------


@dataclass(frozen=True)
class UnitDead(Adversary):
    """The unit's fuse is out: it hears nothing and draws nothing."""

    def begin(self, room: Room) -> Undo:
        return _flag(room, "dead")


@dataclass(frozen=True)
class Defrosting(Adversary):
    """The unit thaws itself for twelve minutes of every forty."""

    def begin(self, room: Room) -> Undo:
        return _flag(room, "defrosting")


@dataclass(frozen=True)
class BucketFull(Adversary):
    """The condensate does not run off: the fan blows, the compressor stays off."""

    def begin(self, room: Room) -> Undo:
        return _flag(room, "blowing")


# --- the plug -------------------------------------------------------------------------


@dataclass(frozen=True)
class PlugOffline(Adversary):
    """The measuring plug does not answer."""

    def begin(self, room: Room) -> Undo:
        return room.home.twist(room.plug_id, _refusing("device offline", 161))


@dataclass(frozen=True)
class PlugFrozen(Adversary):
    """The measuring plug repeats what it measured when it lost its hub."""

    def begin(self, room: Room) -> Undo:
        return room.home.twist(room.plug_id, _repeating())


# --- meters ---------------------------------------------------------------------------


@dataclass(frozen=True)
class MeterAdversary(Adversary):
    """Something about one of the room's meters; `which` is taken round the room."""

    hides: ClassVar[bool] = True

    which: int = 0

    def meter(self, room: Room) -> str:
        return room.meters[self.which % len(room.meters)]

    def begin(self, room: Room) -> Undo:
        home, meter = room.home, self.meter(room)
        undo, unhush = home.twist(meter, self.words(room)), home.hush(meter)

        def end() -> None:
            undo()
            unhush()

        return end

    def words(self, room: Room) -> Callable[[Fields], Any]:
        """Return what makes of the meter's true words what it says."""
        raise NotImplementedError


@dataclass(frozen=True)
class MeterFrozen(MeterAdversary):
    """The meter is out of reach and the cloud repeats its last words for ever."""

    def words(self, room: Room) -> Callable[[Fields], Any]:
        return _repeating()

    def evidence(self, room: Room) -> float:
        return FROZEN_AFTER


@dataclass(frozen=True)
class MeterDead(MeterAdversary):
    """The meter does not answer: 161."""

    plain: ClassVar[bool] = True

    def words(self, room: Room) -> Callable[[Fields], Any]:
        return _refusing("device offline", 161)


@dataclass(frozen=True)
class MeterZeros(MeterAdversary):
    """All zeros, under a hub that is none, or null, or looks real."""

    plain: ClassVar[bool] = True
    hub: str | None = "000000000000"

    def words(self, room: Room) -> Callable[[Fields], Any]:
        zeros = {"temperature": 0, "humidity": 0, "battery": 0, "hubDeviceId": self.hub}
        return lambda words: words | zeros


@dataclass(frozen=True)
class MeterEmpty(MeterAdversary):
    """The status is `{}`, though the app shows a temperature."""

    plain: ClassVar[bool] = True

    def words(self, room: Room) -> Callable[[Fields], Any]:
        return lambda _words: {}


@dataclass(frozen=True)
class MeterText(MeterAdversary):
    """The status is a sentence, or its temperature is one."""

    plain: ClassVar[bool] = True
    whole: bool = False

    def words(self, room: Room) -> Callable[[Fields], Any]:
        if self.whole:
            return lambda _words: "device is busy"
        return lambda words: words | {"temperature": "offline", "humidity": "-"}


@dataclass(frozen=True)
class MeterNone(MeterAdversary):
    """Temperature and humidity are null."""

    plain: ClassVar[bool] = True

    def words(self, room: Room) -> Callable[[Fields], Any]:
        return lambda words: words | {"temperature": None, "humidity": None}


@dataclass(frozen=True)
class MeterStale(MeterAdversary):
    """The hub is offline; the cloud serves the last words and says so."""

    plain: ClassVar[bool] = True

    def words(self, room: Room) -> Callable[[Fields], Any]:
        repeating = _repeating()
        return lambda words: repeating(words) | {"onlineStatus": "offline"}


@dataclass(frozen=True)
class MeterDrifts(MeterAdversary):
    """The meter wanders off by so many kelvin an hour."""

    kelvin_per_hour: float = 0.3

    def words(self, room: Room) -> Callable[[Fields], Any]:
        home, since = room.home, room.home.elapsed

        def drifted(words: Fields) -> Fields:
            hours = (home.elapsed - since) / 3600.0
            return _shifted(words, hours * self.kelvin_per_hour)

        return drifted

    def evidence(self, room: Room) -> float:
        # Two say no more than that one of them is wrong, and that is to be told.
        if len(room.meters) == 1:
            return inf
        return APART_AFTER_KELVIN / abs(self.kelvin_per_hour) * 3600.0


@dataclass(frozen=True)
class MeterJumps(MeterAdversary):
    """Every third reading is far off."""

    kelvin: float = 15.0

    def words(self, room: Room) -> Callable[[Fields], Any]:
        turns = count()
        return lambda words: _shifted(words, 0.0 if next(turns) % 3 else self.kelvin)


@dataclass(frozen=True)
class MeterCarried(MeterAdversary):
    """Somebody carried the meter to a place of so many degrees, None: outdoors."""

    celsius: float | None = None

    def words(self, room: Room) -> Callable[[Fields], Any]:
        home, turns = room.home, count()

        def elsewhere(words: Fields) -> Fields:
            there = self.celsius
            if there is None:
                there = room.house.conditions.temperature
            # No place stands still, nor does a meter.
            sways = 0.1 * (next(turns) % 3) - 0.1 * (home.elapsed // 1800 % 2)
            return words | {"temperature": round(there + sways, 1)}

        return elsewhere


@dataclass(frozen=True)
class MeterDying(MeterAdversary):
    """The battery gives out: of the readings ever more are some kelvin off."""

    def words(self, room: Room) -> Callable[[Fields], Any]:
        home, since = room.home, room.home.elapsed

        def weak(words: Fields) -> Fields:
            hours = (home.elapsed - since) / 3600.0
            words |= {"battery": max(0, int(20 - hours))}
            if home.random.random() >= min(0.7, 0.05 * hours):
                return words
            off = home.random.choice([-8.0, -3.0, -2.0, 2.0, 3.0, 8.0])
            return _shifted(words, off)

        return weak


@dataclass(frozen=True)
class MetersSwapped(Adversary):
    """Two rooms' meters were mixed up when their batteries were changed."""

    hides: ClassVar[bool] = True

    def begin(self, room: Room) -> Undo | None:
        home = room.home
        if len(home.rooms) == 1:
            return None
        other = home.rooms[(room.number + 1) % len(home.rooms)]
        here, there = room.meters[0], other.meters[0]
        undo = [
            home.twist(here, lambda _words: other.words(there)),
            home.twist(there, lambda _words: room.words(here)),
        ]
        return lambda: [each() for each in undo] and None


# --- windows and people ---------------------------------------------------------------


@dataclass(frozen=True)
class WindowOpen(Adversary):
    """The window is open in truth."""

    hides: ClassVar[bool] = True

    loss: float = OPEN_WINDOW_LOSS

    def begin(self, room: Room) -> Undo:
        room.draught(is_open=True, loss=self.loss)
        return lambda: room.draught(is_open=False)


@dataclass(frozen=True)
class ContactStuck(Adversary):
    """The contact says "open" for days with its window closed."""

    hides: ClassVar[bool] = True

    def begin(self, room: Room) -> Undo:
        home, contact = room.home, room.contact_id
        if room.plan.contact:
            room.says(contact, "WoContact", openState="open")
        undo = home.twist(contact, lambda words: words | {"openState": "open"})
        unhush = home.hush(contact)

        def end() -> None:
            undo()
            unhush()
            if room.plan.contact:
                word = "open" if room.open else "close"
                room.says(contact, "WoContact", openState=word)

        return end


@dataclass(frozen=True)
class ContactStuckClosed(Adversary):
    """The contact says "close" with its window wide open."""

    hides: ClassVar[bool] = True

    def begin(self, room: Room) -> Undo:
        home, contact = room.home, room.contact_id
        undo = home.twist(contact, lambda words: words | {"openState": "close"})
        unhush = home.hush(contact)
        room.draught(is_open=True)

        def end() -> None:
            room.draught(is_open=False)
            undo()
            unhush()

        return end


@dataclass(frozen=True)
class ContactSilent(Adversary):
    """The contact neither answers nor pushes."""

    hides: ClassVar[bool] = True

    def begin(self, room: Room) -> Undo:
        home, contact = room.home, room.contact_id
        undo = home.twist(contact, _refusing("device offline", 161))
        unhush = home.hush(contact)

        def end() -> None:
            undo()
            unhush()

        return end


@dataclass(frozen=True)
class MotionSilent(Adversary):
    """The motion sensor pushes nothing; asked, it says that nothing moves."""

    def begin(self, room: Room) -> Undo:
        home, sensor = room.home, room.presence_id
        undo = home.twist(sensor, lambda words: words | {"moveDetected": False})
        unhush = home.hush(sensor)

        def end() -> None:
            undo()
            unhush()

        return end

    def evidence(self, room: Room) -> float:
        # It says plainly that nobody is there; nothing in the home knows better.
        return inf


# --- refusals -------------------------------------------------------------------------


REFUSALS = {
    "unsupported": ("Command is not supported", 160),
    "unknown device": ("device not found", 152),
    "wrong id": ("wrong deviceId", 190),
    "device offline": ("device offline", 161),
    "hub offline": ("hub offline", 171),
    "system error": ("System error", 190),
}


@dataclass(frozen=True)
class CommandsRefused(Adversary):
    """The cloud refuses the unit's commands; `setAll` alone where it is unsupported."""

    refusal: str

    def begin(self, room: Room) -> Undo:
        message, code = REFUSALS[self.refusal]

        def obstacle(kind: str, device: str, word: str) -> None:
            strikes = self.refusal != "unsupported" or word.startswith("setAll")
            if kind == "command" and device == room.unit_id and strikes:
                raise RefusedError(message, status_code=code)

        return room.home.obstruct(obstacle)


# --- the account ----------------------------------------------------------------------


@dataclass(frozen=True)
class Wide(Adversary):
    """Something that strikes the whole account."""

    wide: ClassVar[bool] = True


@dataclass(frozen=True)
class SlowCloud(Wide):
    """Each answer takes long, or too long."""

    hides: ClassVar[bool] = True

    seconds: float = 8.0

    def begin(self, room: Room) -> Undo:
        return room.home.delay(lambda: self.seconds)


@dataclass(frozen=True)
class AnswersLost(Wide):
    """Commands are carried out, and some of the answers are lost."""

    percent: int = 50

    def begin(self, room: Room) -> Undo:
        chance = room.home.random
        return room.home.lose_answers(lambda: chance.random() * 100 < self.percent)


@dataclass(frozen=True)
class TooManyRequests(Wide):
    """Some calls are answered 429, whoever used up the minute."""

    hides: ClassVar[bool] = True

    percent: int = 30

    def begin(self, room: Room) -> Undo:
        chance = room.home.random

        def obstacle(kind: str, device: str, word: str) -> None:
            if chance.random() * 100 < self.percent:
                raise RefusedError("Too Many Requests", http_status=429)

        return room.home.obstruct(obstacle)


@dataclass(frozen=True)
class CloudDown(Wide):
    """Every call is answered 500."""

    hides: ClassVar[bool] = True

    def begin(self, room: Room) -> Undo:
        def obstacle(kind: str, device: str, word: str) -> None:
            raise RefusedError("Internal server error", http_status=500)

        return room.home.obstruct(obstacle)


@dataclass(frozen=True)
class ListBroken(Wide):
    """The device list answers 190 for days; everything else works."""

    def begin(self, room: Room) -> Undo:
        message = "Cannot read properties of undefined (reading 'device_type')"
        return room.home.twist("devices", _refusing(message, 190))


@dataclass(frozen=True)
class ListEmpty(Wide):
    """The device list is empty, with 100."""

    def begin(self, room: Room) -> Undo:
        empty: Fields = {"deviceList": [], "infraredRemoteList": []}
        return room.home.twist("devices", lambda _words: empty)


def _flag(room: Room, name: str) -> Undo:
    unit = room.unit
    setattr(unit, name, True)
    return lambda: setattr(unit, name, False)


def _refusing(message: str, code: int) -> Callable[[Fields], Any]:
    def refuse(_words: Fields) -> Any:
        raise RefusedError(message, status_code=code)

    return refuse


def _repeating() -> Callable[[Fields], Any]:
    kept: list[Fields] = []

    def repeat(words: Fields) -> Fields:
        if not kept:
            kept.append(words)
        return kept[0]

    return repeat


def _shifted(words: Fields, kelvin: float) -> Fields:
    return words | {"temperature": round(words["temperature"] + kelvin, 1)}


# --- drawn at random ------------------------------------------------------------------


@dataclass(frozen=True)
class Episode:
    """An adversary at work in a room, from a minute of the home's life on for so long."""

    adversary: Adversary
    room: int
    begin: int
    minutes: int

    @property
    def end(self) -> int:
        return self.begin + self.minutes


_which = st.integers(0, 2)
KINDS: dict[str, st.SearchStrategy[Adversary]] = {
    "hand": st.one_of(
        st.builds(RemoteOff),
        st.builds(RemoteOn),
        st.builds(RemoteMode, st.sampled_from(list(AirconMode)[1:])),
        st.builds(RemoteSetpoint, st.sampled_from([16.0, 18.0, 26.0, 30.0])),
        st.builds(MainsDip, st.booleans()),
    ),
    "light": st.one_of(
        st.builds(BurstsLost, st.sampled_from([1, 1, 1, 3])),
        st.builds(HardOfHearing, st.sampled_from([30, 60, 95])),
    ),
    "unit": st.one_of(
        st.builds(UnitDead), st.builds(Defrosting), st.builds(BucketFull)
    ),
    "plug": st.one_of(st.builds(PlugOffline), st.builds(PlugFrozen)),
    "meter": st.one_of(
        st.builds(MeterFrozen, _which),
        st.builds(MeterDead, _which),
        st.builds(
            MeterZeros, _which, st.sampled_from(["000000000000", "", None, "FA731076"])
        ),
        st.builds(MeterEmpty, _which),
        st.builds(MeterText, _which, st.booleans()),
        st.builds(MeterNone, _which),
        st.builds(MeterStale, _which),
        st.builds(MeterDrifts, _which, st.sampled_from([-0.5, -0.2, 0.2, 0.5])),
        st.builds(MeterJumps, _which, st.sampled_from([-15.0, -4.0, 4.0, 60.0])),
        st.builds(MetersSwapped),
    ),
    "around": st.one_of(
        st.builds(WindowOpen),
        st.builds(ContactStuck),
        st.builds(ContactSilent),
        st.builds(MotionSilent),
    ),
    "refusals": st.builds(CommandsRefused, st.sampled_from(sorted(REFUSALS))),
    "account": st.one_of(
        st.builds(SlowCloud, st.sampled_from([8.0, 20.0])),
        st.builds(AnswersLost, st.sampled_from([50, 100])),
        st.builds(TooManyRequests, st.sampled_from([30, 80])),
        st.builds(CloudDown),
        st.builds(ListBroken),
        st.builds(ListEmpty),
    ),
}
"""Strategies for adversaries, by what they take hold of."""


@st.composite
def episodes(draw: Callable[..., Any], rooms: int, days: int) -> list[Episode]:
    """Draw one to five episodes, in the order in which they begin."""
    drawn: list[Episode] = []
    for _number in range(draw(st.integers(1, 5))):
        adversary = draw(KINDS[draw(st.sampled_from(sorted(KINDS)))])
        begin = draw(st.integers(60, days * 1440 - 60))
        minutes = draw(st.sampled_from([20, 90, 400, 1500, days * 1440]))
        drawn.append(
            Episode(adversary, draw(st.integers(0, rooms - 1)), begin, minutes)
        )
    return sorted(drawn, key=lambda each: (each.begin, repr(each)))


def strikes(script: list[Episode], home: Home) -> Iterator[tuple[int, int, Episode]]:
    """Yield minute, 0 for an end and 1 for a beginning, and the episode, in order."""
    moments = [(each.begin, 1, number) for number, each in enumerate(script)]
    moments += [(each.end, 0, number) for number, each in enumerate(script)]
    for minute, beginning, number in sorted(moments):
        yield minute, beginning, script[number]
