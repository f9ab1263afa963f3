from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.cloud.talk.answers import read_limits
from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.simulation import SimulatedClock

START = datetime(2026, 1, 9, 12, tzinfo=UTC)


@pytest.fixture
def clock():
    return SimulatedClock(START)


@pytest.fixture
def ledger(clock):
    return QuotaLedger(clock=clock)


def test_each_attempt_costs_one_of_ten_thousand(ledger):
    for _ in range(3):
        ledger.attempt()
    assert (ledger.used, ledger.remaining, ledger.limit) == (3, 9997, 10_000)


def test_a_new_utc_day_begins_at_full_strength(ledger, clock):
    ledger.attempt()
    ledger.exhausted()
    assert ledger.resets_at == datetime(2026, 1, 10, tzinfo=UTC)
    clock.advance_to(ledger.resets_at - timedelta(seconds=1))
    assert ledger.remaining == 0
    clock.advance(1)
    assert (ledger.used, ledger.remaining, ledger.refused) == (0, 10_000, False)
    assert ledger.day == date(2026, 1, 10)


@pytest.mark.parametrize(
    "name",
    [
        "X-RateLimit-Remaining",
        "x-ratelimit-remaining",
        "X-Rate-Limit-Remaining",
        "RateLimit-Remaining",
    ],
)
def test_every_variant_of_the_header_corrects_the_count(ledger, name):
    ledger.attempt()
    assert ledger.observe({name: "9400"}) == 9400
    assert (ledger.used, ledger.remaining) == (600, 9400)


def test_a_limit_in_the_headers_is_the_account_s(ledger):
    ledger.attempt()
    ledger.observe({"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "990"})
    assert (ledger.limit, ledger.used, ledger.remaining) == (1000, 10, 990)


def test_calls_of_other_programs_show_as_foreign(ledger):
    for _ in range(5):
        ledger.attempt()
    ledger.observe({"X-RateLimit-Remaining": "9990"})
    assert ledger.foreign == 5


def test_calls_under_way_are_not_mistaken_for_foreign_ones(ledger):
    ledger.attempt()
    ledger.attempt()
    ledger.observe({"X-RateLimit-Remaining": "9999"})
    ledger.observe({"X-RateLimit-Remaining": "9998"})
    assert ledger.foreign == 0
    assert ledger.remaining == 9998


def test_more_remaining_than_the_configured_limit_does_not_lift_it(clock):
    ledger = QuotaLedger(limit=100, clock=clock)
    for _ in range(60):
        ledger.attempt()
    ledger.observe({"X-RateLimit-Remaining": "9000"})
    assert (ledger.limit, ledger.remaining) == (100, 40)


@pytest.mark.parametrize("value", ["", "many", "-3", "0x10", "1e3", "99999999999"])
def test_unusable_headers_change_nothing(ledger, value):
    ledger.attempt()
    assert ledger.observe({"X-RateLimit-Remaining": value}) is None
    assert ledger.remaining == 9999


def test_an_answer_to_yesterday_s_call_does_not_empty_today(ledger, clock):
    clock.advance_to(datetime(2026, 1, 9, 23, 59, 59, tzinfo=UTC))
    yesterday = ledger.attempt()
    clock.advance(2)
    ledger.observe({"X-RateLimit-Remaining": "0"}, day=yesterday)
    ledger.exhausted(day=yesterday)
    assert ledger.remaining == 10_000


def test_a_server_still_in_yesterday_does_not_empty_today(ledger, clock):
    clock.advance_to(datetime(2026, 1, 10, 0, 0, 5, tzinfo=UTC))
    today = ledger.attempt()
    headers = {
        "Date": "Fri, 09 Jan 2026 23:59:50 GMT",
        "X-RateLimit-Remaining": "0",
    }
    assert ledger.observe(headers, day=today) is None
    assert ledger.remaining == 9999


def test_a_reserve_is_kept_from_reads_and_open_to_commands(clock):
    ledger = QuotaLedger(limit=10, reserve=4, clock=clock)
    while ledger.allows_read():
        ledger.attempt()
    assert ledger.remaining == 4
    assert ledger.allows_command()


def test_our_own_count_never_holds_a_command_back(clock):
    ledger = QuotaLedger(limit=1, clock=clock)
    ledger.attempt()
    ledger.attempt()
    assert ledger.remaining == 0
    assert not ledger.allows_read()
    assert ledger.allows_command()


def test_the_cloud_s_refusal_holds_both_back_and_is_tested_hourly(ledger, clock):
    ledger.attempt()
    ledger.exhausted()
    assert ledger.remaining == 0
    assert (ledger.allows_read(), ledger.allows_command()) == (False, False)
    clock.advance(3600)
    assert ledger.allows_command()
    ledger.attempt()
    assert not ledger.allows_command()
    ledger.accepted()
    assert ledger.allows_read()
    assert ledger.remaining == 9998


def test_a_remaining_of_zero_in_the_headers_is_a_refusal(ledger):
    ledger.attempt()
    ledger.observe({"X-RateLimit-Remaining": "0"})
    assert not ledger.allows_command()
    ledger.observe({"X-RateLimit-Remaining": "12"})
    assert ledger.allows_command()


def test_the_document_speaks_the_dashboard_s_keys(ledger):
    for _ in range(150):
        ledger.attempt()
    assert ledger.to_document() == {
        "api_requests_total": 150,
        "api_requests_remaining": 9850,
        "api_requests_limit": 10_000,
        "api_quota_day": "2026-01-09",
        "api_quota_reset_at": "2026-01-09T00:00:00+00:00",
    }


def test_a_restart_goes_on_with_today_s_count(ledger, clock):
    for _ in range(7):
        ledger.attempt()
    ledger.observe({"X-RateLimit-Remaining": "9000"})
    restarted = QuotaLedger(clock=clock)
    restarted.restore(ledger.to_document())
    restarted.attempt()
    assert (restarted.used, restarted.remaining) == (1001, 8999)
    restarted.observe({"X-RateLimit-Remaining": "8999"})
    assert restarted.foreign == 0


def test_the_first_document_that_was_read_is_gone_on_from_and_later_ones_are_merged(
    ledger, clock
):
    """`restored` is for hosts, who share a ledger between engines."""
    ledger.attempt()
    restarted = QuotaLedger(clock=clock)
    restarted.take({}, read=False)
    assert not restarted.restored
    restarted.take(ledger.to_document(), read=True)
    assert (restarted.restored, restarted.foreign) == (True, 0)
    theirs = ledger.to_document() | {"api_requests_total": 4}
    standing = restarted.take(theirs, read=True)
    assert (standing.remaining, restarted.foreign) == (9996, 3)


def test_a_restart_keeps_the_cloud_s_refusal(ledger, clock):
    ledger.attempt()
    ledger.exhausted()
    restarted = QuotaLedger(clock=clock)
    restarted.restore(ledger.to_document())
    assert restarted.refused


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"api_quota_day": "2026-01-08", "api_requests_total": 9999},
        {"api_quota_day": "2026-01-09", "api_requests_total": "many"},
        {"api_quota_day": "2026-01-09", "api_requests_total": -5},
        {"api_quota_day": "2026-01-09", "api_requests_total": True},
        {"api_quota_day": None, "api_requests_total": 3},
    ],
)
def test_a_document_of_another_day_or_of_junk_changes_nothing(ledger, document):
    ledger.restore(document)
    assert (ledger.used, ledger.remaining) == (0, 10_000)


@pytest.mark.parametrize(("limit", "reserve"), [(0, 0), (10, 10), (10, -1)])
def test_a_budget_that_makes_no_sense_is_refused(limit, reserve):
    with pytest.raises(ValueError, match="reserve"):
        QuotaLedger(limit=limit, reserve=reserve)


_HEADERS = st.dictionaries(
    st.sampled_from(
        ["X-RateLimit-Remaining", "RateLimit-Limit", "X-Rate-Limit-Remaining", "Date"]
    ),
    st.text(max_size=20) | st.integers(-5, 20_000).map(str),
)
_STEPS = st.lists(
    st.one_of(
        st.just("attempt"),
        st.just("exhausted"),
        st.just("accepted"),
        st.floats(0, 100_000),
        _HEADERS,
    ),
    max_size=40,
)


@given(_STEPS)
def test_the_numbers_stay_sane_whatever_happens(steps):
    clock = SimulatedClock(START)
    ledger = QuotaLedger(clock=clock)
    for step in steps:
        if isinstance(step, str):
            getattr(ledger, step)()
        elif isinstance(step, dict):
            ledger.observe(step)
        else:
            clock.advance(step)
        assert 0 <= ledger.remaining <= ledger.limit
        assert ledger.used >= 0
        assert ledger.foreign >= 0
        assert clock.now() < ledger.resets_at <= clock.now() + timedelta(days=1)
        if ledger.allows_read():
            assert ledger.allows_command()


def test_what_may_be_spent_is_counted_and_what_may_not_is_not(clock):
    ledger = QuotaLedger(limit=3, reserve=1, clock=clock)
    day = date(2026, 1, 9)
    assert ledger.spend(is_read=True) == (day, False)
    assert ledger.spend(is_read=True) == (day, False)
    assert ledger.spend(is_read=True) is None
    assert ledger.used == 2
    assert ledger.spend(is_read=False) == (day, False)
    # Our own count never holds a command back; it knows that none was left.
    assert ledger.spend(is_read=False) == (day, True)
    ledger.exhausted()
    assert ledger.spend(is_read=False) is None
    clock.advance(3600)
    assert ledger.spend(is_read=False) == (day, True)
    assert ledger.spend(is_read=False) is None
    assert ledger.used == 5


def test_an_instant_handed_on_begins_another_day_as_the_clock_does(ledger):
    ledger.attempt()
    midnight = datetime(2026, 1, 10, tzinfo=UTC)
    assert ledger.spend(is_read=True, now=midnight) == (midnight.date(), False)
    said = ledger.learn(
        read_limits({"RateLimit-Remaining": "0"}), day=date(2026, 1, 9), now=midnight
    )
    assert said == (None, midnight + timedelta(days=1))
