"""What becomes of a body: an event once, in order, or a refusal with its reason."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.cloud.events.events import (
    MAX_BODY_BYTES,
    RefusedWebhook,
    WebhookEvent,
    WebhookReceiver,
    WebhookRefusal,
    new_webhook_secret,
    same_secret,
)

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
METER = "C271111EC0AB"


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def payload(at: datetime | None = NOON, **fields: Any) -> dict[str, Any]:
    context = {"deviceType": "WoMeter", "deviceMac": METER} | fields
    if at is not None:
        context["timeOfSample"] = milliseconds(at)
    return {"eventType": "changeReport", "eventVersion": "1", "context": context}


class Listening:
    """A receiver with a clock of its own."""

    def __init__(self, **options: Any) -> None:
        self.receiver = WebhookReceiver(**options)
        self.seconds = 0.0

    def hears(self, body: Any, **options: Any) -> WebhookEvent | RefusedWebhook:
        now = NOON + timedelta(seconds=self.seconds)
        return self.receiver.receive(body, now, self.seconds, **options)

    def refusal(self, body: Any) -> WebhookRefusal | None:
        answer = self.hears(body)
        return answer.refusal if isinstance(answer, RefusedWebhook) else None


@pytest.fixture
def listening() -> Listening:
    return Listening()


@pytest.mark.parametrize(
    "form",
    [
        dict,
        MappingProxyType,
        json.dumps,
        lambda body: json.dumps(body).encode(),
        lambda body: bytearray(json.dumps(body).encode()),
        lambda body: memoryview(json.dumps(body).encode()),
    ],
    ids=["dict", "mapping", "text", "bytes", "bytearray", "memoryview"],
)
def test_an_event_is_understood_in_every_form_a_host_may_have_it(listening, form):
    event = listening.hears(form(payload(temperature=21.5, battery=87)))
    assert isinstance(event, WebhookEvent)
    assert (event.device_id, event.device_type) == (METER, "WoMeter")
    assert event.sampled_at == NOON
    assert event.values == {"temperature": 21.5, "battery": 87}


def test_an_event_stays_as_it_was_when_the_host_changes_its_dict(listening):
    body = payload(temperature=21.5)
    event = listening.hears(body)
    body["context"]["temperature"] = 99
    assert event.context["temperature"] == 21.5
    with pytest.raises(TypeError):
        event.merged["temperature"] = 99


def loop() -> dict[str, Any]:
    body = payload()
    body["context"]["self"] = body
    return body


class Hostile(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise RuntimeError(key)

    def __iter__(self):
        raise RuntimeError("no")

    def __len__(self) -> int:
        return 3


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe{}", "not_json"),
        (b'{"eventType": NaN}', "not_json"),
        (b"[" * 50_000, "not_json"),
        ("\ud800", "not_json"),
        (None, "not_json"),
        (7, "not_json"),
        (loop(), "not_json"),
        ({"eventType": object()}, "not_json"),
        ({1: 2}, "not_json"),
        (Hostile(), "not_json"),
        (b" " * (MAX_BODY_BYTES + 1), "too_large"),
        ({"padding": "x" * MAX_BODY_BYTES}, "too_large"),
        (b"[]", "not_an_event"),
        (b"null", "not_an_event"),
        ({}, "not_an_event"),
        ({"eventType": "changeReport"}, "not_an_event"),
        ({"eventType": "changeReport", "context": []}, "not_an_event"),
        ({"eventType": "changeReport", "context": {}}, "not_an_event"),
        ({"eventType": "", "context": {"deviceMac": METER}}, "not_an_event"),
        (payload(deviceMac=""), "not_an_event"),
        (payload(deviceMac=12), "not_an_event"),
        (payload(deviceMac="A" * 101), "not_an_event"),
        (payload(None, timeOfSample="yesterday"), "not_an_event"),
        (payload(None, timeOfSample=True), "not_an_event"),
        (payload(None, timeOfSample=10**18), "not_an_event"),
        (payload(None, timeOfSample="9" * 5000), "not_an_event"),
        (payload(None, timeOfSample=-(10**18)), "not_an_event"),
        (payload(**{f"field{n}": n for n in range(300)}), "not_an_event"),
        (payload(NOON + timedelta(hours=1)), "from_the_future"),
        (payload(NOON - timedelta(hours=1)), "too_old"),
    ],
)
def test_what_is_no_event_is_refused_with_the_reason(listening, body, refusal):
    assert listening.refusal(body) == refusal


def test_the_same_event_again_is_a_duplicate_and_a_new_one_is_not(listening):
    body = payload(temperature=21.5)
    assert listening.refusal(body) is None
    assert listening.refusal(body) is WebhookRefusal.DUPLICATE
    assert listening.refusal(json.dumps(body)) is WebhookRefusal.DUPLICATE
    assert listening.refusal(payload(temperature=21.6)) is None


def test_an_event_without_an_instant_may_say_the_same_again_later(listening):
    body = payload(None, detectionState="DETECTED")
    assert listening.refusal(body) is None
    listening.seconds += 1
    assert listening.refusal(body) is WebhookRefusal.DUPLICATE
    listening.seconds += 60
    assert listening.refusal(body) is None


def test_an_older_sample_that_comes_later_is_dropped(listening):
    assert listening.refusal(payload(temperature=21.5)) is None
    older = payload(NOON - timedelta(seconds=30), temperature=18.0)
    assert listening.refusal(older) is WebhookRefusal.OUT_OF_ORDER
    newer = payload(NOON + timedelta(seconds=1), temperature=21.6)
    assert listening.hears(newer).merged["temperature"] == 21.6


def test_partial_events_are_merged_field_by_field(listening):
    relay = {"deviceMac": "AABBCCDDEEFF", "deviceType": "Relay Switch 2PM"}
    first = payload(NOON, **relay, switch1Status=1)
    second = payload(NOON, **relay, switch2Status=0)
    listening.hears(first)
    event = listening.hears(second)
    assert dict(event.values) == {"switch2Status": 0}
    assert dict(event.merged) == {"switch1Status": 1, "switch2Status": 0}


def test_a_late_part_nobody_knew_yet_is_still_news(listening):
    listening.hears(payload(temperature=21.5))
    late = payload(NOON - timedelta(seconds=5), battery=60, temperature=10.0)
    event = listening.hears(late)
    assert dict(event.values) == {"battery": 60}
    assert dict(event.merged) == {"temperature": 21.5, "battery": 60}


def test_a_sample_a_little_ahead_of_our_clock_counts_as_now(listening):
    event = listening.hears(payload(NOON + timedelta(seconds=100), temperature=21.5))
    assert event.sampled_at == NOON


@pytest.mark.parametrize("unit", [1, 1000])
def test_an_instant_may_be_in_seconds_or_milliseconds_or_digits(unit):
    for form in (int, str):
        stamp = form(round(NOON.timestamp()) * unit)
        event = Listening().hears(payload(None, timeOfSample=stamp, temperature=20))
        assert event.sampled_at == NOON


def test_a_device_that_floods_is_heard_again_after_a_while(listening):
    refused = 0
    for number in range(1000):
        at = NOON + timedelta(milliseconds=number)
        refused += listening.refusal(payload(at, brightness=number)) is not None
    assert refused == 970
    listening.seconds += 60
    later = payload(NOON + timedelta(seconds=60), slidePosition=50)
    assert listening.hears(later).merged["slidePosition"] == 50
    other = payload(NOON, deviceMac="AABB", temperature=21.0)
    assert listening.refusal(other) is None


def test_a_repeated_event_does_not_use_up_what_a_device_may_send(listening):
    body = payload(temperature=21.5)
    for _ in range(1000):
        listening.hears(body)
    assert listening.refusal(payload(NOON, temperature=21.6)) is None


@pytest.mark.parametrize(
    "said",
    [
        [{"doorStatus": 0}],
        [{"switch1Status": 1}, {"switch2Status": 0}],
        [{"temperature": 21.5, "humidity": 40}, {"temperature": 21.5}],
    ],
)
def test_saying_the_same_again_takes_nothing_from_what_is_new(listening, said):
    for number in range(300):
        at = NOON + timedelta(milliseconds=number)
        listening.hears(payload(at, **said[number % len(said)]))
    news = payload(NOON + timedelta(seconds=1), doorStatus=1)
    assert listening.hears(news).merged["doorStatus"] == 1


def test_saying_the_same_again_has_its_own_bounds(listening):
    answers = [
        listening.refusal(payload(NOON + timedelta(milliseconds=number), power="on"))
        for number in range(300)
    ]
    assert answers.count(None) == 1 + 30
    listening.seconds += 10
    again = payload(NOON + timedelta(seconds=10), power="on")
    assert listening.refusal(again) is None


def test_a_button_pressed_again_is_heard_again(listening):
    presses = [
        payload(NOON + timedelta(seconds=number), button="press")
        | {"eventType": "buttonReport"}
        for number in range(5)
    ]
    assert [listening.refusal(each) for each in presses] == [None] * 5


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(1, 9)),
        min_size=1,
        max_size=30,
    )
)
def test_news_within_the_allowance_is_heard_whatever_repeats_come_between(said):
    listening, known, number = Listening(), {}, 0
    for name, value, times in said:
        fresh = known.get(name) != value
        known[name] = value
        answers = []
        for _ in range(times):
            number += 1
            at = NOON + timedelta(milliseconds=number)
            answers.append(listening.hears(payload(at, **{name: value})))
        if fresh:
            assert isinstance(answers[0], WebhookEvent)
            assert dict(answers[0].merged) == known


# --- fields beside the context --------------------------------------------------------


ROBOT = {"deviceType": "Robot Vacuum Cleaner S10", "deviceMac": METER}


def test_fields_beside_the_context_are_taken(listening):
    body = payload(**ROBOT) | {"onlineStatus": "online", "taskType": "cleanAll"}
    event = listening.hears(body)
    assert dict(event.values) == {"onlineStatus": "online", "taskType": "cleanAll"}
    assert event.context["taskType"] == "cleanAll"


def test_what_the_context_says_itself_goes_before_what_lies_beside_it(listening):
    body = payload(temperature=21.5) | {"temperature": 3.0, "humidity": 40}
    assert dict(listening.hears(body).values) == {"temperature": 21.5, "humidity": 40}


def test_the_instant_and_the_device_may_lie_beside_the_context_too(listening):
    body = payload(None, taskType="standBy") | {
        "timeOfSample": milliseconds(NOON - timedelta(seconds=60)),
        "deviceId": "B0E9FE000001",
    }
    del body["context"]["deviceMac"]
    event = listening.hears(body)
    assert event.device_id == "B0E9FE000001"
    assert event.sampled_at == NOON - timedelta(seconds=60)


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 99)),
    st.sets(st.sampled_from("abcdef")),
)
def test_it_does_not_matter_which_fields_lie_beside_the_context(fields, outside):
    inside = {key: value for key, value in fields.items() if key not in outside}
    beside = {key: value for key, value in fields.items() if key in outside}
    apart = Listening().hears(payload(**inside) | beside)
    together = Listening().hears(payload(**fields))
    assert dict(apart.values) == dict(together.values)
    assert dict(apart.context) == dict(together.context)


def test_a_context_of_more_levels_than_any_document_has_is_no_event(listening):
    """Up to a thousand the reader of JSON takes; what asks a document goes down them."""
    deep = 0
    for _ in range(98):
        deep = [deep]
    assert listening.hears(payload(temperature=21.5, more=deep)) is not None
    body = payload(temperature=21.6, more=[[deep]])
    assert listening.refusal(body) is WebhookRefusal.NOT_AN_EVENT


def test_fields_beside_the_context_are_bounded_with_it(listening):
    body = payload() | {f"field{number}": number for number in range(300)}
    assert listening.refusal(body) is WebhookRefusal.NOT_AN_EVENT


def test_made_up_devices_do_not_push_out_the_ones_that_are_known():
    listening = Listening(max_devices=10)
    body = payload(temperature=21.5)
    listening.hears(body, known={METER})
    for number in range(1000):
        listening.hears(
            payload(deviceMac=f"{number:012X}", temperature=1), known={METER}
        )
    assert len(listening.receiver._others) == 10
    assert listening.refusal(body) is WebhookRefusal.DUPLICATE


def test_a_device_cannot_fill_the_memory_with_fields():
    listening = Listening(burst=1000)
    for number in range(300):
        listening.hears(payload(**{f"{number}-{part}": part for part in range(150)}))
    (device,) = listening.receiver._others.values()
    assert len(device.fields) <= 200
    assert len(device.recent) <= 64


@pytest.mark.parametrize("grows", ["values", "names", "lists"])
def test_a_device_cannot_fill_the_memory_with_long_fields(grows):
    """Each event is within its bounds; what they add up to is too."""
    listening = Listening(burst=1000)
    for number in range(100):
        name, value = f"field{number}", "x" * 10_000
        if grows == "names":
            name, value = name + value, number
        elif grows == "lists":
            value = [value]
        listening.hears(payload(**{name: value}))
        # One field that grows again and again counts once.
        listening.hears(payload(note="x" * number, temperature=number))
    (device,) = listening.receiver._others.values()
    kept = {name: value for name, (_at, value) in device.fields.items()}
    assert len(json.dumps(kept)) < 20_000
    assert kept["temperature"] == 99
    assert kept["note"] == "x" * 99


def test_a_type_of_event_nobody_knows_is_passed_on_without_being_merged(listening):
    listening.hears(payload(temperature=21.5))
    body = payload(temperature=3.0) | {"eventType": "somethingNew"}
    event = listening.hears(body)
    assert event.event_type == "somethingNew"
    assert event.merged["temperature"] == 21.5


def test_secrets_are_long_new_and_compared_in_constant_time():
    secrets = {new_webhook_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert min(map(len, secrets)) >= 43
    secret = secrets.pop()
    assert same_secret(secret, secret)
    assert not same_secret(secret[:-1], secret)
    assert not same_secret("ä\ud800", secret)
    assert not same_secret("", "")


FIELDS = st.dictionaries(
    st.sampled_from(["temperature", "humidity", "battery", "other"]),
    st.integers(0, 99),
    min_size=1,
)


@given(
    st.lists(FIELDS, min_size=1, max_size=12).flatmap(
        lambda said: st.tuples(
            st.just(said),
            st.lists(st.sampled_from(range(len(said))), max_size=30).flatmap(
                lambda again: st.permutations([*range(len(said)), *again])
            ),
        )
    )
)
def test_in_whatever_order_and_however_often_events_come_the_newest_stands(given_case):
    said, order = given_case
    listening = Listening(burst=1000)
    events = [
        payload(NOON - timedelta(seconds=100 - number), **fields)
        for number, fields in enumerate(said)
    ]
    merged: Mapping[str, Any] = {}
    for index in order:
        answer = listening.hears(events[index])
        if isinstance(answer, WebhookEvent):
            merged = answer.merged
    newest: dict[str, Any] = {}
    for fields in said:
        newest |= fields
    assert dict(merged) == newest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
NAMES = ("deviceMac", "deviceId", "deviceType", "timeOfSample", "temperature")
CONTEXT = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, JSON))


@settings(max_examples=60)
@given(
    st.one_of(
        st.binary(),
        st.text(),
        JSON,
        st.fixed_dictionaries(
            {"eventType": st.just("changeReport") | JSON, "context": CONTEXT | JSON}
        ),
        CONTEXT.map(lambda context: payload(**context)),
    )
)
def test_nothing_makes_it_raise(body):
    answer = Listening().hears(body)
    assert isinstance(answer, WebhookEvent | RefusedWebhook)
    assert repr(answer)
