"""What a unit was told is held against what can be seen: plug, room, its own status."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.core.state.around import sign_beliefs
from switchbot_automation.core.state.check import watts_of
from switchbot_automation.core.state.zone import Evidence, ZoneState
from switchbot_automation.errors import CloudTimeoutError
from switchbot_automation.settings import parse_settings
from tests.cases import drawn

from .conftest import FLAT, NOON, Flat

PLUG = "PLUG"
RUNS, RESTS = 700.0, 2.0


class Truth:
    """A flat whose room follows what its unit really does, whatever it was told.

    `works` is ``heat``, ``cool`` or None. `deaf`: it hears no infrared. `mains`: False
    while it has no power. `blocked`: it runs and does nothing, as with a full bucket.
    """

    def __init__(self, flat, temperature=19.0, *, plug=False, **changes):
        self.flat, self.temperature = flat, temperature
        self.works, self.deaf, self.mains, self.blocked = None, False, True, False
        self.dip, self.minute, self.lost, self.gains = 0.0, 0, 1.2, 1.5
        self.lowest = self.highest = temperature
        if plug:
            changes |= {"power_meter_device_id": PLUG}
        flat.configure(**changes)
        flat.cloud.on_command = self.hear

    def hear(self, word):
        if self.deaf or not self.mains:
            return
        mode = word.split(",")[1] if word.startswith("setAll") else ""
        self.works = {"5": "heat", "2": "cool"}.get(mode)

    async def live(self, minutes):
        """Let so many minutes pass, one tick a minute; return the reports."""
        reports = []
        for _ in range(minutes):
            self.flat.clock.advance(60)
            self.minute += 1
            hour = {"heat": self.gains, "cool": -2.0, None: -self.lost}
            does = None if self.blocked or not self.mains else self.works
            self.temperature += hour[does] / 60.0
            self.lowest = min(self.lowest, self.temperature)
            self.highest = max(self.highest, self.temperature)
            shown = round(self.temperature - self.dip, 1)
            self.flat.reads({"temperature": shown, "humidity": 40 + self.minute % 3})
            on = self.works and self.mains and not self.blocked
            watts = RUNS if on and not self.dip else RESTS
            self.flat.cloud.answers[PLUG] = {"power": "on", "weight": watts}
            reports.append(await self.flat.engine.run_once())
        return reports

    async def health(self):
        return (await self.flat.engine.health())["zones"]["default"]["unit"]


@pytest.fixture(params=[False, True], ids=["no plug", "plug"])
def plug(request):
    return request.param


async def heated(flat, *, plug, **changes):
    """Return a flat whose unit was started and heats a room inside its band."""
    truth = Truth(flat, plug=plug, **changes)
    await truth.live(70)
    assert truth.works == "heat"
    flat.cloud.sent.clear()
    return truth


# --- told otherwise, or not at all -----------------------------------------------------


async def test_a_unit_turned_off_by_its_remote_heats_again(flat, plug):
    truth = await heated(flat, plug=plug)
    truth.works = None
    await truth.live(6 * 60)
    assert truth.lowest > 18.9
    assert truth.works == "heat" or truth.temperature > 19.7
    assert len(flat.cloud.starts) <= 4


async def test_a_unit_that_lost_its_mains_for_a_moment_heats_again(flat, plug):
    truth = await heated(flat, plug=plug)
    truth.mains = False
    await truth.live(5)
    truth.mains, truth.works = True, None
    await truth.live(6 * 60)
    assert truth.temperature > 19.0


@pytest.mark.parametrize("mode", ["cool", None])
async def test_a_unit_whose_mode_was_changed_is_set_right(flat, plug, mode):
    truth = await heated(flat, plug=plug)
    truth.works = mode
    await truth.live(8 * 60)
    assert truth.works != "cool"
    assert truth.temperature > 19.0


async def test_a_start_that_missed_the_unit_is_sent_again(flat, plug):
    truth = Truth(flat, plug=plug, repair_attempts=0)
    truth.deaf = True
    await truth.live(1)
    truth.deaf = False
    await truth.live(3 * 60)
    assert truth.works == "heat"
    assert truth.lowest > 17.5


async def test_a_unit_turned_on_by_its_remote_is_turned_off_where_the_wish_says_so(
    flat, plug
):
    truth = Truth(flat, 22.6, plug=plug)
    truth.lost = 0.0
    await truth.live(60)
    assert flat.cloud.words == ["turnOff"]
    truth.temperature, truth.works = 21.5, "heat"
    await truth.live(6 * 60)
    assert truth.works is None
    assert truth.highest < 24.6
    assert flat.cloud.words == ["turnOff"] * 2


async def test_inside_the_band_a_unit_turned_on_by_its_remote_is_left_alone(flat):
    truth = Truth(flat, 22.6, plug=True)
    truth.lost = 0.0
    await truth.live(60)
    truth.temperature, truth.works, truth.gains = 20.5, "heat", 0.0
    await truth.live(6 * 60)
    assert truth.works == "heat"
    unit = await truth.health()
    assert (unit["believed"], unit["source"], unit["uncertain"]) == (
        "on",
        "plug",
        False,
    )


async def test_a_remote_seen_by_the_plug_holds_as_the_settings_say_but_not_for_days(
    flat,
):
    truth = await heated(flat, plug=True, manual_hold_seconds=86400)
    truth.works = None
    await truth.live(3 * 60)
    assert flat.cloud.words == []
    assert flat.state["hold_until"] is not None
    await truth.live(3 * 60)
    assert flat.cloud.starts


# --- what contradicts nothing ----------------------------------------------------------


async def test_a_defrost_contradicts_nothing(flat, plug):
    truth = Truth(flat, 18.05, plug=plug)
    await truth.live(65)
    flat.cloud.sent.clear()
    truth.gains = 0.0
    for _ in range(12):
        assert 19.5 < truth.temperature < 19.7  # where it is wanted
        truth.dip = 0.9
        await truth.live(8)
        truth.dip = 0.0
        await truth.live(32)
        assert not (await truth.health())["uncertain"]
        assert (await truth.health())["believed"] == "on"
    assert flat.cloud.words == []


async def test_a_unit_that_idles_at_its_setpoint_contradicts_nothing(flat):
    truth = await heated(flat, plug=True)
    truth.gains = 0.0
    truth.dip = 1e-9
    await truth.live(5 * 60)
    assert flat.cloud.words == []
    unit = await truth.health()
    assert (unit["believed"], unit["uncertain"]) == ("on", False)


async def test_a_room_that_its_unit_holds_below_the_band_is_told_nothing_anew(flat):
    truth = Truth(flat, 18.0)
    truth.gains = 0.9
    await truth.live(90)
    truth.gains = 0.0
    await truth.live(10 * 60)
    assert truth.temperature < 19.7
    assert len(flat.cloud.words) == 1


# --- bounded, and told of --------------------------------------------------------------


async def test_a_full_bucket_is_told_of_once_and_repaired_a_few_times(flat, plug):
    truth = await heated(flat, plug=plug)
    truth.blocked, truth.lost = True, 0.3
    reports = await truth.live(12 * 60)
    told = [
        command
        for report in reports
        for command in report.commands
        if command.reasons and command.reasons[0].code == "device_unresponsive"
    ]
    assert told
    assert len(told) <= 4
    assert (await truth.health())["uncertain"]
    assert most_in_six_hours(flat) <= 8
    # The further apart, the longer they change nothing.
    assert len(flat.cloud.words) <= (12 if plug else 7)
    truth.blocked = False
    await truth.live(8 * 60)
    assert not (await truth.health())["uncertain"]
    assert truth.temperature > 19.0


def most_in_six_hours(flat):
    sent = [at for at, _word in flat.cloud.sent]
    span = timedelta(hours=6)
    return max((sum(at <= each < at + span for each in sent) for at in sent), default=0)


async def test_a_dead_unit_is_told_no_more_than_six_times_in_six_hours_again(
    flat, plug
):
    truth = Truth(flat, plug=plug)
    truth.deaf = True
    await truth.live(18 * 60)
    repairs = [
        at for at, _word in flat.cloud.sent[1:]
    ]  # the first is the rule's own word
    span = timedelta(hours=6)
    assert max(sum(at <= one < at + span for one in repairs) for at in repairs) <= 6


# --- answers that are lost, and orders that come again by themselves --------------------


class Silent:
    """A cloud that carries commands out, and whose answers are lost from now on."""

    def __init__(self, flat, truth):
        self.flat, self.truth, self.sent, self.lost = flat, truth, [], True
        flat.cloud.on_command = self.hear

    def hear(self, word):
        self.sent.append((self.flat.clock.now(), word))
        self.truth.hear(word)
        if self.lost:
            raise CloudTimeoutError("silence", maybe_sent=True)

    def most_in_six_hours(self, word):
        sent = [at for at, each in self.sent if each.startswith(word)]
        span = timedelta(hours=6)
        return max(sum(at <= one < at + span for one in sent) for at in sent)


AFTERNOON = {
    "time_windows": [{"days": list(range(7)), "start": "12:00", "end": "14:00"}],
    "turn_off_outside_windows": True,
    # These flats are let go cold, and what is looked at is how they are turned off.
    "frost_floor_celsius": 0,
}


async def test_a_stop_whose_answers_are_lost_is_not_sent_at_every_tick(flat):
    truth = await heated(flat, plug=False, **AFTERNOON)
    silent = Silent(flat, truth)
    await truth.live(16 * 60)
    assert truth.works is None
    # What is sent first, and six times again.
    assert 3 <= silent.most_in_six_hours("turnOff") <= 7
    # Where it was bad luck it comes again at once.
    assert silent.sent[1][0] - silent.sent[0][0] <= timedelta(minutes=2)


async def test_a_lost_answer_is_waited_for_across_a_restart(flat):
    truth = await heated(flat, plug=False, **AFTERNOON)
    silent = Silent(flat, truth)
    await truth.live(3 * 60)
    sent = len(silent.sent)
    flat.started()
    await truth.live(30)
    assert len(silent.sent) == sent


async def test_an_answer_ends_the_waiting(flat):
    truth = await heated(flat, plug=False, **AFTERNOON)
    silent = Silent(flat, truth)
    await truth.live(2 * 60)
    silent.lost = False
    await truth.live(2 * 60)
    sent = len(silent.sent)
    await truth.live(10 * 60)
    assert len(silent.sent) == sent
    assert not (await truth.health())["uncertain"]


async def test_the_plug_says_what_no_answer_said(flat):
    truth = await heated(flat, plug=True, **AFTERNOON)
    silent = Silent(flat, truth)
    await truth.live(4 * 60)
    assert 1 <= len(silent.sent) <= 3
    unit = await truth.health()
    assert (unit["believed"], unit["uncertain"]) == ("off", False)


async def test_an_emergency_is_bounded_where_it_is_told_in_vain(flat):
    truth = await heated(flat, plug=False, sensor_stale_off_seconds=600)
    silent = Silent(flat, truth)
    flat.reads(None)
    for _ in range(12 * 60):
        await flat.tick(after=60)
    assert truth.works is None
    assert 3 <= silent.most_in_six_hours("turnOff") <= 7


async def test_a_unit_turned_off_over_and_over_is_started_no_more_than_bearable(flat):
    """Each time the plug saw it run, so nothing is in doubt: a hand turns it off."""
    truth = await heated(flat, plug=True)
    for _ in range(18 * 60):
        if truth.works and truth.temperature > 19.0:
            truth.works = None
        await truth.live(1)
    starts = [at for at, word in flat.cloud.sent if word.startswith("setAll")]
    span = timedelta(hours=6)
    assert max(sum(at <= one < at + span for one in starts) for at in starts) <= 6


async def test_nothing_is_doubted_by_the_room_for_who_only_watches(flat):
    truth = await heated(flat, plug=False)
    flat.configure(observe_only=True)
    truth.works = None
    await truth.live(6 * 60)
    assert flat.cloud.words == []
    assert "doubt" not in flat.state["evidence"]


async def test_a_meter_that_stands_still_contradicts_nothing(flat):
    await flat.tick(19.0)
    await flat.live(3 * 3600)
    assert len(flat.cloud.starts) == 1


async def test_zero_means_that_the_room_is_not_asked(flat):
    truth = Truth(flat, thermal_response_seconds=0)
    truth.deaf = True
    await truth.live(5 * 60)
    assert len(flat.cloud.starts) == 1


async def test_a_doubt_outlives_a_restart(flat):
    truth = Truth(flat)
    truth.deaf = True
    await truth.live(60)
    assert len(flat.cloud.starts) == 2
    flat.started()
    await truth.live(20)
    assert (await truth.health())["contradicted_by"] == "room"
    assert len(flat.cloud.starts) == 2


async def test_the_plug_is_asked_a_few_times_an_hour(flat):
    truth = await heated(flat, plug=True)
    truth.gains = 0.0
    flat.cloud.asked.clear()
    await truth.live(10 * 60)
    assert 30 <= Counter(flat.cloud.asked)[PLUG] <= 50


# --- days of everything ----------------------------------------------------------------

MISHAPS = st.lists(
    st.tuples(
        st.sampled_from(["off", "heat", "cool", "mains", "deaf", "hears"]),
        st.integers(5, 120),
    ),
    max_size=4,
)


@settings(max_examples=drawn(3, many=8), deadline=None)
@given(plug=st.booleans(), script=MISHAPS)
async def test_the_room_is_kept_or_it_is_said_why_not(plug, script):
    flat = Flat()
    truth = Truth(flat, 20.5, plug=plug)
    for word, minutes in script:
        if word in ("deaf", "hears"):
            truth.deaf = word == "deaf"
        elif word == "mains":
            truth.works = None
        else:
            truth.works = None if word == "off" else word
        await truth.live(minutes)
    truth.deaf = False
    await truth.live(7 * 60)
    assert 18.5 < truth.temperature < 25.0 or (await truth.health())["uncertain"]
    assert most_in_six_hours(flat) <= 20


# --- what plugs and sensors say --------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "channel", "watts"),
    [
        ({"power": "on", "weight": 640.0}, 1, 640.0),
        ({"switchStatus": 1, "power": 12.5}, 1, 12.5),
        ({"switchStatus": 0, "power": 0, "voltage": 0}, 1, 0.0),
        ({"power": "off"}, 1, 0.0),
        ({"power": "on"}, 1, None),
        ({"voltage": 230, "electricCurrent": 2000}, 1, 460.0),
        ({"switch1Status": 1, "switch1Power": 5, "switch2Power": 700}, 1, 5),
        ({"switch1Power": 5, "switch2Status": 1, "switch2Power": 700}, 2, 700),
        ({"switch2Status": 0, "switch2Power": 3, "switch1Power": 700}, 2, 0.0),
        (
            {"switch1Status": 1, "switch1Voltage": 230, "switch1ElectricCurrent": 500},
            1,
            115.0,
        ),
        ({"switchStatus": 1, "power": 0, "voltage": 0, "electricCurrent": 0}, 1, None),
        ({"weight": 700, "onlineStatus": "offline"}, 1, None),
        ({"switch1Power": 700, "online": False}, 1, None),
        ({}, 1, None),
    ],
)
def test_watts_are_read_of_every_plug_and_relay(fields, channel, watts):
    assert watts_of(fields, channel) == watts


@given(
    st.dictionaries(
        st.sampled_from(sorted(Evidence._fields)), st.integers() | st.text()
    )
)
def test_any_document_is_read(document):
    kept = Evidence.from_document(document)
    assert Evidence.from_document(kept.to_document()) == kept


def test_what_is_believed_around_has_a_source_and_an_age():
    document = FLAT | {"openings": {"sensors": ["C1", "C2"]}}
    zone = parse_settings(document).default
    sign = {
        "active": True,
        "since": NOON.isoformat(),
        "heard_at": NOON.isoformat(),
        "moved_at": NOON.isoformat(),
    }
    around = {"surroundings": {"signs": {"opening:C1": sign}}}
    state = ZoneState.from_document(around)
    for hours, active in ((0.5, True), (1.5, None)):
        heard, never = sign_beliefs(zone, state, NOON + timedelta(hours=hours))
        assert (heard.device_id, heard.active, heard.since) == ("C1", active, NOON)
        assert (never.active, never.heard_at) == (None, None)


# --- the room's course in the document ---------------------------------------------------

SAMPLES = st.lists(
    st.tuples(st.floats(1e9, 2e9), st.floats(-60, 100)), max_size=24, unique=True
)


@given(SAMPLES)
def test_a_rooms_course_outlives_a_restart_to_the_last_digit(samples):
    kept = Evidence(course=tuple(sorted(samples)))
    document = kept.to_document()
    assert not samples or isinstance(document["course"], str)
    assert Evidence.from_document(document) == kept


@given(SAMPLES)
def test_a_course_that_was_written_as_lists_is_read_as_well(samples):
    found = Evidence.from_document({"course": [list(each) for each in samples]})
    assert found.course == tuple(sorted(samples))


@pytest.mark.parametrize(
    "course",
    ["", "1:2:3", "nan:20.0 1768219200.0:inf", ":", "a:b", "1768219200.0", 7, {}],
)
def test_a_damaged_course_is_none(course):
    assert Evidence.from_document({"course": course}).course == ()
