"""The book of upkeep: what devices and units came to, and what is told once."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.upkeep.ledger import Facts, UpkeepLedger, UpkeepNews, facts_of
from switchbot_automation.upkeep.readings import readings_of

AT = datetime(2026, 1, 12, 8, tzinfo=UTC)
DAY = AT.date()


def saw(book, minutes, device="C1", **values):
    at = AT + timedelta(minutes=minutes)
    book.saw(device, facts_of(values), at, at.date())


@pytest.mark.parametrize(
    ("values", "facts"),
    [
        ({"battery": 44}, Facts(battery=44)),
        ({"battery": 101}, Facts()),
        ({"battery": "low"}, Facts()),
        ({"battery": True}, Facts()),
        (
            {"filterElement": {"usedHours": 12, "effectiveUsageHours": 240}},
            Facts(filter_used_hours=12, filter_life_hours=240),
        ),
        ({"filterElement": 7}, Facts()),
        ({"usedElectricity": 120}, Facts(energy_wh=2)),
        (
            {"switch1UsedElectricity": 60, "switch2UsedElectricity": 120},
            Facts(energy_wh=3),
        ),
        ({"weight": 41.5}, Facts(power_watts=41.5)),
        ({"power": "on"}, Facts()),
        ({"power": 10**400}, Facts()),
    ],
)
def test_what_a_status_says_of_upkeep(values, facts):
    assert facts_of(values) == facts


def test_a_history_has_numbers_words_and_yes_or_no():
    values = {
        "CO2": 725,
        "moveDetected": False,
        "openState": "open",
        "filterElement": {"usedHours": 3, "unit": None},
        "version": "V1",
        "latestImage": {"imageUrl": "https://x"},
        "color": "x" * 61,
        "odd": float("nan"),
    }
    assert readings_of(values) == {
        "CO2": 725,
        "moveDetected": 0,
        "openState": "open",
        "filterElement.usedHours": 3,
    }


def test_a_battery_is_told_once_and_again_after_it_was_changed():
    book = UpkeepLedger()
    limits = {"battery_below": 20}
    saw(book, 0, battery=20)
    assert book.news(**limits) == []
    saw(book, 10, battery=19)
    (news,) = book.news(**limits)
    assert news == UpkeepNews("C1", "battery", 19, 20)
    assert book.news(**limits) == [news], "it was not told yet"
    book.told(news)
    for minute, level in ((20, 18), (30, 21), (40, 19)):
        saw(book, minute, battery=level)
        assert book.news(**limits) == [], "up and down by a percent is no change"
    saw(book, 50, battery=100)
    assert book.news(**limits) == []
    saw(book, 60, battery=5)
    assert [each.value for each in book.news(**limits)] == [5]
    assert book.news() == []


def test_running_hours_and_starts_are_counted_between_looks():
    book = UpkeepLedger()
    for minute, on in enumerate([False, True, True, None, True, False, False, True]):
        book.ran("default", AT + timedelta(minutes=10 * minute), DAY, on=on)
    unit = book.units["default"]
    assert unit.starts == 2
    # On at 10 and 20 until it was unknown at 30; then from 40 to 50.
    assert unit.running_seconds == 30 * 60
    assert unit.starts_by_day == {"2026-01-12": 2}
    book.ran("default", AT + timedelta(hours=9), DAY, on=True)
    assert unit.running_seconds == 30 * 60, "nobody looked for so long"


def test_a_filter_is_told_after_its_hours_and_begins_anew_when_it_was_done():
    book = UpkeepLedger()
    for minute in range(0, 130, 10):
        book.ran("default", AT + timedelta(minutes=minute), DAY, on=True)
    assert book.news(filter_after_hours=2.1) == []
    (news,) = book.news(filter_after_hours=2)
    assert (news.name, news.what, news.value) == ("default", "filter", 2)
    book.told(news)
    assert book.news(filter_after_hours=2) == []
    assert book.done("default", AT + timedelta(hours=3))
    assert not book.done("nobody", AT)
    assert book.units["default"].since_done_seconds == 0
    assert book.units["default"].running_seconds == 7200
    assert book.news(filter_after_hours=2) == []


def test_a_device_s_own_filter_counts_by_the_shorter_of_life_and_limit():
    book = UpkeepLedger()
    element = {"usedHours": 239, "effectiveUsageHours": 240}
    saw(book, 0, filterElement=element)
    assert book.news(filter_after_hours=1000) == []
    saw(book, 10, filterElement=element | {"usedHours": 240})
    (news,) = book.news(filter_after_hours=1000)
    assert (news.what, news.value, news.limit) == ("filter", 240, 240)
    book.told(news)
    saw(book, 20, filterElement=element | {"usedHours": 0})
    assert book.news(filter_after_hours=1000) == []
    saw(book, 30, filterElement=element | {"usedHours": 240})
    assert len(book.news(filter_after_hours=1000)) == 1


def test_energy_of_a_day_is_the_counter_s_or_what_power_came_to():
    book = UpkeepLedger()
    for minute, counted in ((0, 60), (10, 600), (20, 540)):
        saw(book, minute, usedElectricity=counted)
    assert book.devices["C1"].energy_wh == {"2026-01-12": 10}
    for minute, watts in ((0, 1200), (30, 600), (60, 0), (300, 900), (310, 900)):
        saw(book, minute, device="P1", weight=watts)
    # Half an hour each at 1200 and 600 W; of four hours without a look nothing is known.
    assert book.devices["P1"].energy_wh == {"2026-01-12": 1050}


def test_a_month_of_days_is_kept():
    book = UpkeepLedger()
    for day in range(60):
        at = AT + timedelta(days=day)
        book.saw("C1", facts_of({"usedElectricity": 60}), at, at.date())
    days = book.devices["C1"].energy_wh
    assert len(days) == 31
    assert max(days) == date(2026, 3, 12).isoformat()


def test_what_was_told_outlives_a_restart():
    book = UpkeepLedger()
    saw(book, 0, battery=5, usedElectricity=60)
    book.ran("default", AT, DAY, on=False)
    for news in book.news(battery_below=10):
        book.told(news)
    text = json.dumps(book.to_document(AT))
    again = UpkeepLedger.from_document(json.loads(text))
    assert again.news(battery_below=10) == []
    assert json.dumps(again.to_document(AT)) == text
    again.ran("default", AT + timedelta(hours=5), DAY, on=True)
    assert again.units["default"].starts == 1


def test_it_is_written_at_once_for_what_matters_and_else_now_and_then():
    book = UpkeepLedger()
    assert not book.due(AT)
    saw(book, 0, battery=50)
    assert book.due(AT)
    book.to_document(AT)
    saw(book, 10, battery=50)
    assert not book.due(AT + timedelta(minutes=10))
    assert book.due(AT + timedelta(minutes=15))
    saw(book, 11, battery=49)
    assert book.due(AT + timedelta(minutes=11))


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["devices", "units", "battery", "told", "energy_wh", "starts", "on"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["devices", "units"]), _ANYTHING))
def test_whatever_lies_in_the_store_is_read_or_left(document):
    book = UpkeepLedger.from_document(document)
    book.news(battery_below=10, filter_after_hours=1)
    json.dumps(book.to_document(AT), allow_nan=False)


def test_a_counter_that_has_not_begun_anew_is_still_of_the_day_before():
    book = UpkeepLedger()
    midnight = datetime(2026, 1, 13, tzinfo=UTC)

    def says(minutes, watt_minutes):
        at = midnight + timedelta(minutes=minutes)
        book.saw("P1", facts_of({"usedElectricity": watt_minutes}), at, at.date())

    for minutes, watt_minutes in ((-40, 29_000), (-10, 30_000), (1, 30_060)):
        says(minutes, watt_minutes)
    assert book.devices["P1"].energy_wh == {"2026-01-12": 501.0}
    for minutes, watt_minutes in ((6, 120), (60, 600), (61, 540)):
        says(minutes, watt_minutes)
    # A late answer does not take back what was.
    assert book.devices["P1"].energy_wh == {"2026-01-12": 501.0, "2026-01-13": 10.0}


def test_a_counter_that_goes_on_for_longer_is_believed():
    book = UpkeepLedger()
    for hours, watt_minutes in ((-1, 60), (0.1, 600), (0.9, 6000), (1.2, 9000)):
        at = datetime(2026, 1, 13, tzinfo=UTC) + timedelta(hours=hours)
        book.saw("P1", facts_of({"usedElectricity": watt_minutes}), at, at.date())
    assert book.devices["P1"].energy_wh["2026-01-13"] == 150.0


@pytest.mark.parametrize("number", [10**400, -(10**400), 1e308])
def test_a_book_with_numbers_that_no_float_holds_can_be_read(number):
    units = {"living": {"starts": number, "running_seconds": number}}
    devices = {"C1": {"battery": number, "energy_wh": {"2026-01-12": number}}}
    ledger = UpkeepLedger.from_document({"units": units, "devices": devices})
    assert ledger.units["living"].starts >= 0
    json.dumps(ledger.to_document(AT))
