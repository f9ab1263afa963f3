"""A home whose windows, people, prices and engine come and go at random."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cases import drawn

METER, CONTACT, MOTION = "C271111EC0AB", "E1CONTACT001", "E2MOTION0001"
POLL, PAUSE, RESUME, UNKNOWN = 60, 120, 120, 900
# A tick on a change, and the next look at a sensor that sends no events.
SLACK = POLL + 61
SETTINGS = {
    "min_off_seconds": 180,
    "time_windows": [
        {"days": list(range(7)), "start": "00:00", "end": "12:00"},
        {"days": list(range(7)), "start": "12:00", "end": "00:00", "preset": "eco"},
    ],
    "presets": {"eco": {"setback_kelvin": 1}, "away": {"setback_kelvin": 3}},
    "openings": {
        "sensors": [CONTACT],
        "pause_after_seconds": PAUSE,
        "resume_after_seconds": RESUME,
        "poll_interval_seconds": POLL,
        "unknown_after_seconds": UNKNOWN,
    },
    "presence": {
        "sensors": [MOTION],
        "preset": "away",
        "away_after_seconds": 600,
        "poll_interval_seconds": POLL,
        "unknown_after_seconds": UNKNOWN,
    },
    "offsets": [{"source": "price", "limit_kelvin": 1, "expires_seconds": 900}],
}
# Colder than any preset and any offset lets it become: 20 - 3 - 1 - 0.3.
COLD, WARM = 15.0, 25.0

happenings = st.lists(
    st.tuples(
        st.sampled_from(
            [
                ("contact", {"openState": "open"}),
                ("contact", {"openState": "close"}),
                ("contact", None),
                ("contact event", "open"),
                ("contact event", "close"),
                ("motion", {"moveDetected": True}),
                ("motion", {"moveDetected": False}),
                ("motion", None),
                ("price", -5.0),
                ("price", 0.4),
                ("price", None),
                ("restart", None),
                ("cold", None),
                ("warm", None),
            ]
        ),
        st.integers(10, 1500),
    ),
    max_size=14,
)


async def happen(home, what, value):
    match what:
        case "contact":
            home.fields[CONTACT] = value
        case "contact event":
            home.fields[CONTACT] = {"openState": value}
            await home.event(CONTACT, openState=value)
        case "motion":
            home.fields[MOTION] = value
        case "price":
            home.engine.offsets.tell("price", value)
        case "restart":
            home.restart()
        case "cold" | "warm":
            home.temperature = COLD if what == "cold" else WARM


class Watched:
    """What the test knows: since when the window, or the room, is as it is."""

    def __init__(self, home, what):
        self.home, self.what = home, what
        self.state, self.since = what(home), home.clock.now()

    def look(self):
        if self.what(self.home) != self.state:
            self.state, self.since = self.what(self.home), self.home.clock.now()

    def lasted(self):
        return (self.home.clock.now() - self.since).total_seconds()


def window_of(home):
    fields = home.fields[CONTACT]
    return fields and fields["openState"]


@given(story=happenings)
@settings(
    max_examples=drawn(8, many=25),
    deadline=None,
    # The fixture is a class; nothing of it lasts from one example to the next.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_an_open_window_pauses_and_nothing_ever_stays_paused(room, story):
    home = room(SETTINGS)
    home.temperature = COLD
    window, cold = Watched(home, window_of), Watched(home, lambda it: it.temperature)
    starts, stops = [], []
    for (what, value), seconds in story:
        await happen(home, what, value)
        window.look()
        cold.look()
        end = home.clock.now() + timedelta(seconds=seconds)
        while True:
            was, count = home.running, len(home.sent)
            await home.tick()
            if home.running is not was:
                (starts if home.running else stops).append(home.clock.now())
            assert len(home.sent) - count <= 1
            if window.state == "open" and window.lasted() > PAUSE + SLACK:
                assert not home.running
            closed_for = RESUME + 180 + SLACK
            if window.state is None:
                closed_for = UNKNOWN + 180 + SLACK
            if (
                window.state != "open"
                and home.temperature == COLD
                and window.lasted() > closed_for
                and cold.lasted() > closed_for
            ):
                assert home.running
            due = home.engine.next_wakeup
            assert due > home.clock.now() - timedelta(seconds=1)
            if due > end:
                break
            home.clock.advance(max(1.0, (due - home.clock.now()).total_seconds()))
        if end > home.clock.now():
            home.clock.advance((end - home.clock.now()).total_seconds())
    assert all(rest >= timedelta(seconds=180) for rest in rests(starts, stops))


def rests(starts, stops):
    """Yield how long the unit rested before each start but the first."""
    for start in starts:
        before = [stop for stop in stops if stop <= start]
        if before:
            yield start - before[-1]
