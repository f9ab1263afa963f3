from __future__ import annotations

import pytest

from switchbot_automation.simulation.home import METER_ID

KATA = "C0FFEE0000BB"
DAY = 86_400_000


@pytest.fixture
def content(cloud):
    cloud.home.add_device("Kata Friends", KATA)
    return cloud.account.content


async def body(call, path):
    return (await call.get(f"/v1.1/{path}"))[1]


async def test_a_diary_is_read_by_a_half_open_span(call, content):
    content.diaries[KATA] = {"diary": [{"timestamp": at} for at in (100, 200, 300)]}
    found = await body(
        call, f"devices/{KATA}/diary?startTimestamp=100&endTimestamp=300"
    )
    assert [entry["timestamp"] for entry in found["body"]["diary"]] == [100, 200]
    assert found["body"]["diaryAI"] == found["body"]["comicDiaryAI"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (f"startTimestamp=0&endTimestamp={31 * DAY}", 100),
        (f"startTimestamp=0&endTimestamp={31 * DAY + 1}", 190),
        ("startTimestamp=5&endTimestamp=5", 190),
        ("startTimestamp=5", 190),
        ("startTimestamp=-5&endTimestamp=5", 190),
    ],
)
async def test_a_diary_covers_at_most_31_days(call, content, query, code):
    assert (await body(call, f"devices/{KATA}/diary?{query}"))["statusCode"] == code


async def test_only_the_product_that_writes_diaries_has_one(call, content):
    span = "startTimestamp=0&endTimestamp=5"
    other = await body(call, f"devices/{METER_ID}/diary?{span}")
    unknown = await body(call, f"devices/000000000001/diary?{span}")
    assert (other["statusCode"], unknown["statusCode"]) == (151, 152)


async def test_recordings_and_todos_come_in_pages(call, content):
    content.recordings += [{"id": str(n), "deviceID": "AA"} for n in range(5)]
    content.recordings.append({"id": "other", "deviceID": "BB"})
    content.todos += [{"title": "a", "isCompleted": True}]
    page = (await body(call, "mindclip/recordings?deviceID=AA&pageNum=2&pageSize=2"))[
        "body"
    ]
    assert (page["total"], page["pages"]) == (5, 3)
    assert [one["id"] for one in page["list"]] == ["2", "3"]
    for done, count in ((0, 0), (1, 1)):
        todos = await body(
            call, f"mindclip/todos?completedNum={done}&pageNum=1&pageSize=9"
        )
        assert todos["body"]["total"] == count


async def test_one_recording_with_its_transcript_and_summaries(call, content):
    content.recordings.append({"id": "r1", "deviceID": "AA"})
    content.transcripts["r1"] = {"transcribeStatus": 2}
    content.summaries["r1"] = {"fileID": "r1"}
    content.daily.append({"summaryDate": "2026-05-30"})
    content.weekly["2026-W22"] = {"summaryWeek": "2026-W22"}
    content.urgent_todos["2026-05-30"] = {"todos": [{"rank": 1}]}
    for path, key, value in (
        ("recordings/r1", "id", "r1"),
        ("recordings/r1/transcript", "transcribeStatus", 2),
        ("summaries/r1", "fileID", "r1"),
    ):
        assert (await body(call, f"mindclip/{path}"))["body"][key] == value
    daily = await body(call, "mindclip/assistant/daily?date=2026-05-30")
    weekly = await body(call, "mindclip/assistant/weekly?week=2026-W22")
    urgent = await body(call, "mindclip/assistant/urgent-todos?date=2026-05-30")
    assert len(daily["body"]["list"]) == len(urgent["body"]["todos"]) == 1
    assert weekly["body"]["summaryWeek"] == "2026-W22"


@pytest.mark.parametrize(
    "path",
    ["recordings?pageNum=0&pageSize=1", "recordings/none", "assistant/daily", "todos"],
)
async def test_nonsense_is_refused(call, content, path):
    assert (await body(call, f"mindclip/{path}"))["statusCode"] == 190


async def test_an_unknown_part_of_it_is_the_gateway_s_403(call, content):
    assert (await call.get("/v1.1/mindclip/dreams"))[0] == 403
