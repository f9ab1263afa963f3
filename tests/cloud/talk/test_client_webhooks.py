"""The account's one webhook URL, and the endpoints only some products have."""

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.errors import (
    BadParameterError,
    CloudError,
    CloudServerError,
    WebhookConflictError,
)

URL = "https://example.net:8098/hook/4d5e6f708192a3b4"


async def test_setting_up_names_url_and_all_devices(cloud, client):
    cloud.body({})
    await client.setup_webhook(URL)
    received = cloud.received[0]
    assert (received.method, received.path) == ("POST", "/v1.1/webhook/setupWebhook")
    assert {"Authorization", "t", "nonce", "sign"} <= set(received.header_names)
    assert received.json == {
        "action": "setupWebhook",
        "url": URL,
        "deviceList": "ALL",
    }


async def test_a_second_webhook_is_a_conflict(cloud, client):
    cloud.code(190, "webhook is exist")
    with pytest.raises(WebhookConflictError) as raised:
        await client.setup_webhook(URL)
    assert raised.value.maybe_sent is False
    assert len(cloud.received) == 1


async def test_an_ambiguous_set_up_is_not_repeated(cloud, client, passing_fault):
    cloud.reply(passing_fault)
    with pytest.raises(CloudError):
        await client.setup_webhook(URL)
    assert len(cloud.received) == 1


@pytest.mark.parametrize("url", ["", "example.net/hook", "ftp://x/y", "https://"])
async def test_what_is_no_url_costs_no_call(cloud, client, url):
    with pytest.raises(BadParameterError, match="full URL"):
        await client.setup_webhook(url)
    assert not cloud.received


async def test_querying_returns_the_url(cloud, client):
    cloud.body({"urls": [URL]})
    assert await client.query_webhook() == (URL,)
    assert cloud.received[0].path == "/v1.1/webhook/queryWebhook"
    assert cloud.received[0].json == {"action": "queryUrl"}


async def test_no_webhook_is_an_empty_answer_not_an_error(cloud, client):
    cloud.code(190, "")
    assert await client.query_webhook() == ()
    assert await client.query_webhook_details([URL]) == ()
    assert len(cloud.received) == 2


async def test_a_query_that_fails_otherwise_is_tried_again(cloud, client, replies):
    cloud.reply(replies.code(190, "System error"), replies.good({"urls": [URL]}))
    assert await client.query_webhook() == (URL,)


async def test_details_tell_when_and_whether_enabled(cloud, client):
    cloud.body(
        [
            {
                "url": URL,
                "createTime": 1_700_000_000_000,
                "lastUpdateTime": 1_700_000_060,
                "deviceList": "ALL",
                "enable": False,
            },
            {"url": 7.5},
        ]
    )
    (details,) = await client.query_webhook_details([URL])
    assert cloud.received[0].json == {"action": "queryDetails", "urls": [URL]}
    created = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert details.created_at == created
    assert details.updated_at == created + timedelta(seconds=60)
    assert details.enabled is False


async def test_updating_repeats_harmlessly_and_deleting_does_not(
    cloud, client, replies
):
    cloud.reply(replies.gateway(500), replies.good({}), replies.gateway(500))
    await client.update_webhook(URL, enable=False)
    assert cloud.received[1].path == "/v1.1/webhook/updateWebhook"
    assert cloud.received[1].json == {
        "action": "updateWebhook",
        "config": {"url": URL, "enable": False},
    }
    with pytest.raises(CloudServerError):
        await client.delete_webhook(URL)
    assert len(cloud.received) == 3
    assert cloud.received[2].json == {"action": "deleteWebhook", "url": URL}


async def test_the_path_of_a_webhook_never_shows(cloud, client):
    cloud.code(190, f"cannot reach {URL} (/hook/4d5e6f708192a3b4)")
    with pytest.raises(CloudError) as raised:
        await client.delete_webhook(URL)
    assert "4d5e6f708192a3b4" not in str(raised.value)


async def test_a_diary_is_asked_for_in_milliseconds(cloud, client):
    cloud.body([{"content": "napped"}])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    diary = await client.diary("K1", start, start + timedelta(days=1))
    assert diary == [{"content": "napped"}]
    assert cloud.received[0].path == (
        "/v1.1/devices/K1/diary?startTimestamp=1767225600000&endTimestamp=1767312000000"
    )


@pytest.mark.parametrize("days", [0, -1, 32])
async def test_a_diary_of_an_impossible_span_costs_no_call(cloud, client, days):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(BadParameterError, match="31 days"):
        await client.diary("K1", start, start + timedelta(days=days))
    assert not cloud.received


async def test_a_mindclip_resource_is_addressed_by_its_parts(cloud, client):
    cloud.body({"text": "hello"})
    body = await client.mindclip("recordings", "a/b", "transcript", page=2)
    assert body == {"text": "hello"}
    assert cloud.received[0].path == (
        "/v1.1/mindclip/recordings/a%2Fb/transcript?page=2"
    )
