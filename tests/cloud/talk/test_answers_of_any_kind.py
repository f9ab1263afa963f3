"""Whatever the network and the cloud say, callers meet `CloudError` and nothing else."""

from contextlib import suppress
from datetime import UTC, datetime

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from switchbot_automation.cloud.talk.answers import (
    Circumstances,
    find_failure,
    parse_command_result,
    parse_date,
    parse_devices,
    parse_retry_after,
    parse_scenes,
    parse_status,
    parse_webhook_details,
    parse_webhook_urls,
    read_answer,
)
from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.errors import CloudError, CloudServerError
from switchbot_automation.simulation import SimulatedClock

NOW = datetime(2026, 1, 12, tzinfo=UTC)
SECRET = "0123456789abcdef"

_KEYS = st.sampled_from(
    [
        "statusCode",
        "message",
        "errorMessage",
        "body",
        "items",
        "code",
        "deviceList",
        "infraredRemoteList",
        "deviceId",
        "deviceName",
        "deviceType",
        "remoteType",
        "hubDeviceId",
        "enableCloudService",
        "sceneId",
        "sceneName",
        "commandId",
        "urls",
        "url",
        "createTime",
        "enable",
    ]
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([100, 151, 152, 160, 161, 171, 190, "100", "190"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.sampled_from(["Requests reached the daily limit", "Too many Request", SECRET]),
)
_JSON = st.recursive(
    _SCALARS,
    lambda children: st.one_of(
        st.lists(children, max_size=4), st.dictionaries(_KEYS, children, max_size=5)
    ),
    max_leaves=20,
)
_CONTENT = st.one_of(st.binary(max_size=60), _JSON.map(orjson.dumps))
_HEADERS = st.dictionaries(
    st.sampled_from(
        ["date", "retry-after", "x-ratelimit-remaining", "ratelimit-limit", "x"]
    ),
    st.text(max_size=30),
)


@given(st.integers(100, 599), _HEADERS, _CONTENT, st.booleans())
@example(
    status=200,
    headers={},
    content=b'{"statusCode":100,"body":{"items":[{"code":[1]}]}}',
    quota_empty=False,
)
@example(
    status=401,
    headers={"date": "Mon, 31 Feb 2026 99:99:99 GMT"},
    content=b"",
    quota_empty=False,
)
@example(
    status=401,
    headers={"date": "Mon, 12 Jan 9999 00:00:00 -2359"},
    content=b"",
    quota_empty=False,
)
def test_any_answer_is_a_success_or_a_cloud_error(
    status, headers, content, quota_empty
):
    answer = read_answer(status, headers, content)
    failure = find_failure(
        answer,
        Circumstances(
            what="status of A1",
            now=NOW,
            quota_empty=quota_empty,
            resets_at=NOW,
            private=(SECRET,),
        ),
    )
    if failure is None:
        assert (status, answer.status_code) == (200, 100)
    else:
        assert isinstance(failure.error, CloudError)
        assert type(failure.error) is not CloudError
        assert failure.error.http_status == status
        assert SECRET not in str(failure.error)
        assert len(str(failure.error)) < 400
    QuotaLedger(clock=SimulatedClock()).observe(headers)


@given(_JSON)
@example({"deviceList": [{"deviceId": " "}, {"deviceId": 12}, {"deviceId": True}]})
@example({"deviceList": {"deviceId": "A1"}, "infraredRemoteList": "none"})
def test_any_body_of_a_success_parses_or_is_a_cloud_error(body):
    parsers = (
        parse_devices,
        parse_scenes,
        parse_webhook_urls,
        parse_webhook_details,
        lambda value: parse_status("A1", value, NOW),
        lambda value: parse_command_result("A1", value, NOW),
    )
    for parse in parsers:
        with suppress(CloudServerError):
            repr(parse(body))


@given(_JSON)
def test_every_listed_device_has_an_id_and_texts(body):
    if not isinstance(body, dict):
        return
    found = parse_devices(body)
    for device in found.devices:
        assert device.device_id.strip()
        assert isinstance(device.name, str)
        assert isinstance(device.device_type, str)
        assert isinstance(device.cloud_service, bool)
        assert device.hub_device_id != "000000000000"
    for remote in found.remotes:
        assert remote.device_id.strip()
        assert isinstance(remote.remote_type, str)


@given(st.text(max_size=40))
@example("Mon, 12 Jan 2026 00:00:00 +9999")
@example("Mon, 12 Jan 0001 00:00:00 +2359")
@example("²")
def test_any_date_or_retry_after_header_is_read_or_ignored(text):
    instant = parse_date(text)
    assert instant is None or instant.utcoffset() is not None
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or seconds >= 0


def test_both_forms_of_retry_after_are_read():
    assert parse_retry_after("120", NOW) == 120
    assert parse_retry_after("Mon, 12 Jan 2026 00:01:30 GMT", NOW) == 90
    assert parse_retry_after("Sun, 11 Jan 2026 00:00:00 GMT", NOW) == 0
    assert parse_retry_after("soon", NOW) is None
    assert parse_retry_after(None, NOW) is None
