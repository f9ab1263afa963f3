"""Triggers and conditions, looked at by hand: unknown values, `for`, the clock's changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.rules.definition.clock import instant_of, next_cron, next_time
from switchbot_automation.rules.definition.context import DeviceEvent

T0 = datetime(2026, 1, 12, 12, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
HOT = {"trigger": "numeric_state", "zone": "default", "above": 25}
DOOR = {"trigger": "state", "device": "Door", "attribute": "openState"}


def looks(trigger, homes, *, every=60.0, start=T0):
    """Look again and again; return at which looks it fired."""
    memory, fired = {}, []
    for index, home in enumerate(homes):
        look = trigger.look(memory, home, start + timedelta(seconds=every * index))
        memory = look.memory
        if look.fired is not None:
            fired.append(index)
    return fired


@pytest.fixture
def temperatures(home):
    return lambda *values: [home(zone={"temperature": each}) for each in values]


@pytest.fixture
def doors(home):
    return lambda *words: [
        home(devices={"Door": {"openState": each}}) for each in words
    ]


def test_a_number_fires_once_when_it_gets_beyond(rule, temperatures):
    trigger = rule(triggers=HOT).triggers[0]
    assert looks(trigger, temperatures(24, 26, 27, 25, 26)) == [1, 4]


def test_a_number_that_begins_beyond_does_not_fire(rule, temperatures):
    trigger = rule(triggers=HOT).triggers[0]
    assert looks(trigger, temperatures(27, 28, None, 28)) == []


def test_unknown_neither_arms_nor_fires_a_number(rule, temperatures):
    trigger = rule(triggers=HOT).triggers[0]
    # At the start, and from beyond over unknown to beyond.
    assert looks(trigger, temperatures(None, 27, None, 27, "?", 27, float("nan"))) == []
    # From this side over unknown to beyond is the crossing it waited for.
    assert looks(trigger, temperatures(24, None, 27)) == [2]


def test_unknown_neither_arms_nor_fires_a_state(rule, doors):
    trigger = rule(triggers={**DOOR, "to": "open"}).triggers[0]
    assert looks(trigger, doors(None, "open", None, "open")) == []
    assert looks(trigger, doors("close", None, None, "open")) == [3]


def test_a_state_heeds_from_and_to(rule, doors):
    trigger = rule(triggers={**DOOR, "from": "close", "to": ["open", "ajar"]}).triggers[
        0
    ]
    assert looks(trigger, doors("close", "open", "ajar", "close", "ajar")) == [1, 4]
    anything = rule(triggers=DOOR).triggers[0]
    assert looks(anything, doors("close", "open", "open", "ajar")) == [1, 3]


def test_true_and_its_word_are_the_same(rule, home):
    trigger = rule(
        triggers={
            "trigger": "state",
            "device": "D",
            "attribute": "moveDetected",
            "to": "true",
        }
    ).triggers[0]
    seen = [home(devices={"D": {"moveDetected": each}}) for each in (False, True)]
    assert looks(trigger, seen) == [1]


def test_for_fires_when_the_time_is_over_and_starts_anew_when_interrupted(
    rule, temperatures
):
    trigger = rule(triggers={**HOT, "for": {"minutes": 3}}).triggers[0]
    assert looks(trigger, temperatures(24, 26, 26, 26, 26, 26)) == [4]
    assert looks(trigger, temperatures(24, 26, 26, 24, 26, 26, 26, 26)) == [7]


def test_for_says_when_it_wants_to_be_looked_at(rule, temperatures):
    trigger = rule(triggers={**HOT, "for": {"minutes": 3}}).triggers[0]
    cool, hot = temperatures(24, 26)
    look = trigger.look(trigger.look({}, cool, T0).memory, hot, T0)
    assert look.due_at == T0 + timedelta(minutes=3)


def test_a_value_lost_for_a_moment_does_not_end_a_for(rule, temperatures):
    trigger = rule(triggers={**HOT, "for": {"minutes": 3}}).triggers[0]
    assert looks(trigger, temperatures(24, 26, None, 26, None, 26)) == [5]


def test_a_value_lost_for_long_begins_a_for_anew(rule, temperatures):
    trigger = rule(triggers={**HOT, "for": {"minutes": 20}}).triggers[0]
    lost = [None] * 12
    assert looks(trigger, temperatures(24, 26, *lost, *[26] * 22)) == [34]


def test_a_clock_set_back_does_not_make_a_for_longer(rule, temperatures):
    trigger = rule(triggers={**HOT, "for": {"minutes": 3}}).triggers[0]
    cool, hot = temperatures(24, 26)
    memory = trigger.look(trigger.look({}, cool, T0).memory, hot, T0).memory
    early = T0 - timedelta(hours=5)
    memory = trigger.look(memory, hot, early).memory
    assert trigger.look(memory, hot, early + timedelta(minutes=3)).fired


def test_a_time_fires_on_its_days_and_after_a_short_absence_only(rule, home):
    trigger = rule(
        triggers={"trigger": "time", "at": "12:30", "days": ["mon"]}
    ).triggers[0]
    memory = trigger.look({}, home(), T0).memory
    due = T0 + timedelta(minutes=30)
    assert trigger.look({}, home(), T0).due_at == due
    assert trigger.look(memory, home(), due + timedelta(minutes=4)).fired
    late = trigger.look(memory, home(), due + timedelta(minutes=6))
    assert late.fired is None
    assert late.due_at == due + timedelta(days=7)


@pytest.mark.parametrize(
    ("wall", "instant"),
    [
        # Skipped: at the transition. Read twice: the first time.
        ("2026-03-29T02:30", "2026-03-29T01:00Z"),
        ("2026-10-25T02:30", "2026-10-25T00:30Z"),
        ("2026-03-29T03:00", "2026-03-29T01:00Z"),
        ("2026-10-25T03:00", "2026-10-25T02:00Z"),
    ],
)
def test_a_wall_time_at_a_clock_change(wall, instant):
    found = instant_of(datetime.fromisoformat(wall), PARIS)
    assert found == datetime.fromisoformat(instant)


def test_a_time_fires_once_a_day_across_clock_changes():
    for day in (datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)):
        at, found = day, []
        while at < day + timedelta(days=4):
            at = next_time(
                [datetime.fromisoformat("2026-01-01T02:30").time()],
                frozenset(range(7)),
                at,
                PARIS,
            )
            found.append(at.astimezone(PARIS).date())
        assert len(found) == len(set(found)) == 5


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    st.times(),
    st.sampled_from(["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_the_next_time_lies_ahead_and_on_the_clock(after, wanted, name):
    tz = ZoneInfo(name)
    wanted = wanted.replace(microsecond=0, tzinfo=None)
    at = next_time([wanted], frozenset(range(7)), after, tz)
    assert after < at <= after + timedelta(days=2)
    local = at.astimezone(tz)
    assert (
        local.time() == wanted or local.time() > wanted
    )  # later only where it is skipped
    if local.time() != wanted:
        before = (at - timedelta(seconds=1)).astimezone(tz)
        assert before.utcoffset() != local.utcoffset()


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    st.sampled_from(["*/5 * * * *", "30 2 * * *", "0 0 1 * *", "15 1-3 * * 0"]),
)
def test_the_next_cron_instant_always_lies_ahead(after, expression):
    at = next_cron(expression, after, PARIS)
    assert at > after
    assert next_cron(expression, at, PARIS) > at


EVERY_HOUR = ["00:30", "01:30", "02:30"]
CRON_AT_CHANGES = [
    # In March 02:00 to 03:00 is skipped (at 01:00 UTC), in October it comes twice.
    ("*/30 2 * * *", [], ["00:00", "00:30", "01:00", "01:30"]),
    ("* 2 * * *", [], [f"{h:02}:{m:02}" for h in (0, 1) for m in range(60)]),
    ("30 */2 * * *", ["02:30"], ["00:30", "01:30"]),
    ("30 2 * * *", ["01:00"], ["00:30"]),
    ("0,30 2 * * *", ["01:00"], ["00:00", "00:30"]),
    (
        "15,45 2-3 * * *",
        ["01:00", "01:15", "01:45"],
        ["00:15", "00:45", "02:15", "02:45"],
    ),
    ("30 * * * *", EVERY_HOUR, EVERY_HOUR),
]


@pytest.mark.parametrize(("expression", "march", "october"), CRON_AT_CHANGES)
def test_a_cron_expression_on_the_days_the_clock_changes(expression, march, october):
    """As the words of `next_cron` say; the hours from 00:00 to 03:00 UTC."""
    for day, wanted in (("2026-03-29", march), ("2026-10-25", october)):
        at = datetime.fromisoformat(f"{day}T00:00Z") - timedelta(seconds=1)
        end = at + timedelta(hours=3)
        found = []
        while (at := next_cron(expression, at, PARIS)) <= end:
            found.append(f"{at:%H:%M}")
        assert found == wanted


def test_cron_fires_and_never_for_what_never_comes(rule, home):
    trigger = rule(triggers={"trigger": "cron", "cron": "0 13 * * *"}).triggers[0]
    memory = trigger.look({}, home(), T0).memory
    assert trigger.look(memory, home(), T0 + timedelta(minutes=59)).fired is None
    assert trigger.look(memory, home(), T0 + timedelta(hours=1)).fired
    assert trigger.look(memory, home(), T0 + timedelta(hours=3)).fired is None


def test_a_window_fires_at_its_start_and_end(rule, home):
    settings = {
        "timezone": "UTC",
        "time_windows": [{"days": [0], "start": "12:30", "end": "13:00"}],
    }
    starts = rule(triggers={"trigger": "window", "zone": "default", "event": "start"})
    ends = rule(triggers={"trigger": "window", "zone": "default", "event": "end"})
    here = home(settings=settings)
    seen = [here] * 80
    assert looks(starts.triggers[0], seen) == [30]
    assert looks(ends.triggers[0], seen) == [60]
    assert starts.triggers[0].look({}, here, T0).due_at == T0 + timedelta(minutes=30)


def test_an_event_fires_for_its_device_and_values(rule, home):
    trigger = rule(
        triggers={
            "trigger": "webhook",
            "device": "Bell",
            "values": {"ringEvent": [True, 1]},
        }
    ).triggers[0]

    def fired(name, **values):
        event = DeviceEvent(frozenset({name}), "changeReport", values)
        return trigger.look({}, home(event=event), T0).fired

    assert fired("Bell", ringEvent=True)
    assert not fired("Bell", ringEvent=False)
    assert not fired("Bell", other=True)
    assert not fired("Door", ringEvent=True)
    assert not trigger.look({}, home(), T0).fired


# --- conditions -------------------------------------------------------------------

KNOWN = {"condition": "state", "zone": "default", "attribute": "power", "state": "on"}
UNKNOWN = {"condition": "numeric_state", "zone": "default", "above": 1}


@pytest.mark.parametrize(
    ("condition", "held"),
    [
        (KNOWN, True),
        (UNKNOWN, None),
        ({"condition": "and", "conditions": [KNOWN, UNKNOWN]}, None),
        ({"condition": "or", "conditions": [KNOWN, UNKNOWN]}, True),
        ({"condition": "not", "conditions": [UNKNOWN]}, None),
        ({"condition": "not", "conditions": [KNOWN, UNKNOWN]}, False),
        (
            {"condition": "and", "conditions": [{**KNOWN, "state": "off"}, UNKNOWN]},
            False,
        ),
        ({"condition": "window", "zone": "default"}, False),
        ({"condition": "window", "zone": "default", "inside": False}, True),
        ({"condition": "time", "after": "11:00", "before": "12:00"}, False),
        ({"condition": "time", "after": "12:00", "before": "12:01"}, True),
        ({"condition": "time", "after": "22:00", "before": "12:01"}, True),
        ({"condition": "time", "days": ["tue"]}, False),
    ],
)
def test_conditions_know_what_they_do_not_know(rule, home, condition, held):
    (read,) = rule(triggers=HOT, conditions=condition).conditions
    assert read.holds(home(zone={"power": "on"}), T0) is held
