"""What is learned of rooms at rest, and which rests are in question."""

from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.control.resting import Resting
from switchbot_automation.core.state.zone import unreadable_instants

HOUR, DAY = 3600.0, 86_400.0
STEP = 300.0
TEN_PM = 22 * HOUR


def rested(resting, told, hours, course, *, heating=True, worked=()):
    """Return it after a rest since `told`; `course` gives the temperature after seconds."""
    lately = []
    for step in range(int(hours * HOUR / STEP) + 1):
        at = told + step * STEP
        temperature = course(step * STEP)
        lately = [*lately, temperature][-6:]
        resting = resting.after(told, at, temperature, heating=heating, worked=worked)
        resting = resting.looked(lately)
        if resting.in_vain(lately):
            return resting, step * STEP / HOUR
    return resting, None


def cooling(rate, begins=21.0):
    return lambda seconds: round(begins - rate * seconds / HOUR, 1)


def nights(rate, number=4, *, resting=None):
    resting = resting or Resting()
    for day in range(number):
        resting, alarm = rested(resting, day * DAY + TEN_PM, 8, cooling(rate))
        assert alarm is None
        resting = resting.over()
    return resting


def test_a_room_that_cools_as_ever_is_no_question():
    resting = nights(0.4, 6)
    assert {days for rate, days in resting.known if rate} == {6}


def test_a_room_that_is_held_is_in_question_within_hours():
    told = 9 * DAY + TEN_PM
    _, alarm = rested(nights(0.4), told, 8, lambda s: 21.0 + 0.3 * (s // HOUR % 2))
    assert alarm is not None
    assert alarm <= 4


def test_a_defrost_does_not_hide_that_the_room_is_held():
    def defrosts(seconds):
        return 19.5 if seconds % (1.2 * HOUR) < 900 else 21.1

    _, alarm = rested(nights(0.4), 9 * DAY + TEN_PM, 8, defrosts)
    assert alarm is not None


def test_a_room_that_was_warmed_further_has_to_cool_from_there():
    """It fell as fast as ever, and was in question for where it had been in the morning."""

    def warmed(seconds, cools):
        hours = seconds / HOUR
        return round(21.0 + 0.6 * min(hours, 1.5) - cools * max(0.0, hours - 1.5), 1)

    known, told = nights(0.4), 9 * DAY + TEN_PM
    resting, alarm = rested(known, told, 8, lambda s: warmed(s, 0.4))
    assert alarm is None
    assert resting.rest.heard
    _, alarm = rested(known, told, 8, lambda s: warmed(s, 0.0))
    assert alarm is not None
    assert alarm <= 5


def test_where_the_sun_took_it_further_it_is_asked_once_it_is_back():
    """The sun hides a heater that works on, and shows nothing of one that rests."""
    known = ((0.0, 4),) * 2 + ((0.4, 4),) * 5 + ((0.0, 4),)
    told = 9 * DAY + TEN_PM

    def course(coldest):
        def at(seconds):
            hours = seconds / HOUR
            warmed = 20.0 + 0.3 * min(hours, 8.0)
            return round(max(coldest, warmed - 0.4 * max(0.0, hours - 8.0)), 1)

        return at

    _, alarm = rested(Resting(known=known), told, 20, course(20.0))
    assert alarm is not None
    assert 14 <= alarm <= 18
    healthy, alarm = rested(Resting(known=known), told, 20, course(0.0))
    assert alarm is None
    assert healthy.rest.heard
    # Each night cools a room further, and a cooler that works on is asked about at once.
    cool = Resting(heating=False, known=known)
    _, alarm = rested(cool, told, 20, lambda s: 40.0 - course(20.0)(s), heating=False)
    assert alarm is not None
    assert alarm <= 12


def cool_day(leaps):
    """A cooled room that leaps so far once its unit rests, and then has a cool night and day."""

    def course(seconds):
        hours = seconds / HOUR
        night = -0.25 * min(hours, 7.0) + 0.25 * min(max(0.0, hours - 7.0), 7.0)
        return round(23.5 + leaps * min(1.0, 2.0 * hours) + night, 1)

    return course


def test_a_cool_day_is_no_question_where_the_room_left_what_its_unit_held_it_at():
    """It rose for hours as it does without its cooler, and OFF was told again in the morning."""
    cool = Resting(heating=False, known=((0.3, 4),) * 8)
    told = 9 * DAY + 19 * HOUR
    asked = rested(cool, told, 16, cool_day(1.9), heating=False)
    assert asked[1] is not None
    held = [23.4, 23.5, 23.6]
    resting, alarm = rested(cool, told, 16, cool_day(1.9), heating=False, worked=held)
    assert alarm is None
    assert resting.rest.heard


@given(st.booleans(), st.floats(0.0, 0.9), st.floats(0.1, 0.9), st.floats(0.05, 1.0))
def test_one_that_is_held_about_where_it_was_is_in_question_all_the_same(
    heating, leaps, swings, worked_for
):
    """A unit's own cycle takes a room about, by less than a kelvin."""
    sign = 1.0 if heating else -1.0
    known = Resting(heating=heating, known=((0.4, 4),) * 8)

    def course(seconds):
        back = seconds % (worked_for * 2 * HOUR) < worked_for * HOUR
        return round(23.0 - sign * (swings if back else leaps) / 2, 1)

    resting, alarm = rested(
        known, 9 * DAY, 12, course, heating=heating, worked=[23.0, 23.0 + sign * 0.4]
    )
    assert alarm is not None
    assert not resting.rest.heard


def test_nothing_is_held_against_the_first_rest_of_all():
    _, alarm = rested(Resting(), 9 * DAY + TEN_PM, 8, cooling(0.0))
    assert alarm is None


def test_a_rest_that_few_days_speak_against_is_in_question_but_thinly():
    for number, thin in ((1, True), (2, True), (4, False)):
        told = 9 * DAY + TEN_PM
        resting, alarm = rested(nights(0.4, number), told, 8, cooling(0.0))
        assert alarm is not None
        assert resting.rest.thin is thin
        assert Resting.from_document(resting.to_document()) == resting


def test_of_a_rest_that_was_thinly_in_question_nothing_is_left_but_what_it_showed():
    resting, _ = rested(nights(0.4, 1), 9 * DAY + TEN_PM, 8, cooling(0.0))
    over = resting.tried()._replace(rest=resting.rest._replace(tries=1)).given_up()
    assert over.rest.heard
    assert not over.rest.tries


def test_a_room_that_cooled_and_is_warmed_later_is_no_question():
    def stove(seconds):
        return 21.0 - min(1.2, 0.4 * seconds / HOUR) if seconds < 5 * HOUR else 21.5

    _, alarm = rested(nights(0.4), 9 * DAY + TEN_PM, 8, stove)
    assert alarm is None


def test_hours_of_which_nothing_is_known_are_not_held_against_it():
    """It rests at noon as well, for the first time, and the sun shines."""
    _, alarm = rested(nights(0.4), 9 * DAY + 10 * HOUR, 8, cooling(-0.2))
    assert alarm is None


def test_once_telling_off_again_was_in_vain_the_next_night_like_it_is_no_question():
    resting = nights(0.4)
    told = 9 * DAY + TEN_PM
    for _ in range(2):
        resting, alarm = rested(resting, told, 9, cooling(0.02))
        assert alarm is not None
        resting, told = resting.tried(), told + 3 * HOUR
    resting = resting.given_up().over()
    learned = nights(0.15, 3, resting=resting)
    assert learned.known[7][0] < 0.2


def test_a_night_in_question_teaches_nothing():
    before = nights(0.4)
    resting, alarm = rested(before, 9 * DAY + TEN_PM, 8, cooling(0.0))
    assert alarm is not None
    assert resting.tried().over().known == before.known


def test_the_other_season_begins_anew():
    told = 9 * DAY + TEN_PM
    _, alarm = rested(nights(0.4), told, 8, cooling(0.0), heating=False)
    assert alarm is None


@given(
    st.lists(st.floats(-3, 3), min_size=3, max_size=60),
    st.lists(st.floats(1, 90_000), min_size=60, max_size=60),
    st.booleans(),
)
def test_it_comes_back_from_its_document_as_it_was(steps, waits, heating):
    resting, at, temperature = Resting(), 1.7e9, 20.0
    told = at
    for number, (step, wait) in enumerate(zip(steps, waits, strict=False)):
        at, temperature = at + wait, temperature + step
        told = at if number % 20 == 0 else told
        resting = resting.after(told, at, temperature, heating=heating, worked=[20.0])
        resting = resting.looked([temperature])
    read = Resting.from_document(resting.to_document())
    assert read.rest == resting.rest
    assert read.heating is resting.heating
    assert read.known == resting.known
    # Its seconds are no instants that somebody wrote wrong.
    assert unreadable_instants({"evidence": {"resting": resting.to_document()}}) == {}


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=8),
        lambda inner: st.dictionaries(
            st.sampled_from(["version", "known", "rest", "told", "at", "last", "lost"]),
            inner,
        ),
        max_leaves=6,
    )
)
def test_garbage_counts_as_nothing_learned(value):
    if isinstance(value, dict):
        value["version"] = 1
        value["known"] = " ".join(["0.3/4"] * 8)
    read = Resting.from_document(value)
    assert read is None or read.after(5.0, 6.0, 20.0, heating=True) is not None
