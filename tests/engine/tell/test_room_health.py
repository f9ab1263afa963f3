"""What `health` says of a room, and what a person is told of it, by a whole engine."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.engine.tell.events import RoomNotice
from switchbot_automation.errors import (
    AuthError,
    BadParameterError,
    ClockSkewError,
    CloudError,
    CloudServerError,
    CloudTimeoutError,
    DeviceOfflineError,
    HubOfflineError,
    RateLimitedError,
)
from tests.engine.conftest import METER, House


class Told:
    """A notifier that remembers; `error` makes it fail."""

    def __init__(self) -> None:
        self.said: list[tuple[str | None, str]] = []
        self.error: Exception | None = None

    async def notify(self, message: str, *, title: str | None = None) -> None:
        if self.error is not None:
            raise self.error
        self.said.append((title, message))


class Watched:
    """A house whose engine tells somebody, ticked every few minutes."""

    def __init__(self, house: House) -> None:
        self.house, self.told = house, Told()
        self.notices: list[RoomNotice] = []
        self.restart()

    def restart(self) -> None:
        house = self.house
        self.engine = AutomationEngine(
            house.cloud, house.store, clock=house.clock, notifier=self.told
        )
        self.engine.subscribe(
            lambda event: (
                self.notices.append(event) if isinstance(event, RoomNotice) else None
            )
        )

    async def live(self, minutes: int, every: int = 2) -> None:
        for _ in range(0, minutes, every):
            await self.engine.run_once()
            self.house.clock.advance(60 * every)

    async def room(self) -> dict[str, object]:
        return (await self.engine.health())["zones"]["default"]["room"]

    async def status(self) -> str:
        return (await self.engine.health())["status"]


@pytest.fixture
def home(house: House) -> Watched:
    house.configure()
    return Watched(house)


async def test_a_room_in_its_band_is_kept_and_nobody_is_told(home):
    await home.live(60)
    room = await home.room()
    assert room["status"] == "kept"
    assert room["reasons"] == ["within_band"]
    assert room["advice"] == ""
    assert await home.status() == "ok"
    assert home.told.said == []


async def test_a_room_that_does_not_follow_is_told_once_with_its_end(home):
    home.house.cloud.temperature = 18.0
    await home.live(70)
    room = await home.room()
    assert (room["status"], await home.status()) == ("not_kept", "degraded")
    assert datetime.fromisoformat(room["since"]) == home.house.clock.now() - timedelta(
        minutes=70
    )
    assert "see whether it runs" in room["advice"]
    home.restart()
    await home.live(30)
    assert len(home.told.said) == 1
    for temperature in (18.6, 19.2, 20.1, 21.0):
        home.house.cloud.temperature = temperature
        await home.live(6)
    await home.live(20)
    assert (await home.room())["status"] == "kept"
    assert await home.status() == "ok"
    [(began, _), (over, words)] = home.told.said
    assert began == (
        "default: the unit is believed to run, and the room does not come back into its "
        "band"
    )
    assert over == "default: over"
    assert "12:00:00" in words
    assert [(each.trouble, each.ended) for each in home.notices] == [
        ("room_does_not_follow", False),
        ("room_does_not_follow", True),
    ]


@pytest.mark.parametrize(
    ("language", "began", "over"),
    [
        ("auto", "default: the unit is believed to run", "default: over"),
        ("fr", "default\u00a0: l'appareil semble tourner", "default\u00a0: terminé"),
        ("ja", "default: 機器は運転中のはずですが", "default: 解消"),
        ("de", "default: das Gerät läuft wohl", "default: vorbei"),
    ],
)
async def test_a_notice_is_in_the_language_of_the_settings(
    house, caplog, language, began, over
):
    house.configure(language=language)
    home = Watched(house)
    home.house.cloud.temperature = 18.0
    await home.live(70)
    home.told.error = RuntimeError("away")
    for temperature in (18.6, 19.2, 20.1, 21.0):
        home.house.cloud.temperature = temperature
        await home.live(6)
    await home.live(20)
    home.told.error = None
    await home.live(20)
    assert [
        title.startswith(each)
        for (title, _), each in zip(home.told.said, (began, over), strict=True)
    ] == [True, True]
    assert "a notice could not be delivered" in caplog.text


@pytest.mark.parametrize(
    ("temperature", "humidity", "code"),
    [
        (0, 0, "all_zeros"),
        (None, None, "no_reading"),
        ("warm", 50, "temperature_not_a_number"),
        (93.0, 50, "temperature_implausible"),
    ],
)
async def test_a_meter_that_says_nothing_of_use_degrades_health(
    home, temperature, humidity, code
):
    await home.live(10)
    home.house.cloud.temperature, home.house.cloud.humidity = temperature, humidity
    await home.live(20)
    room = await home.room()
    assert (room["status"], room["reasons"]) == ("blind", [code])
    assert room["advice"]
    assert await home.status() == "degraded"
    assert len(home.told.said) == 1


async def test_a_silent_meter_is_named_with_the_cloud_s_word(home):
    home.house.cloud.broken[f"status {METER}"] = DeviceOfflineError("it is offline")
    await home.live(20)
    room = await home.room()
    assert room["status"] == "blind"
    assert room["advice"].endswith("DeviceOfflineError: it is offline")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (AuthError("unauthorized"), "token_refused", "under Developer Options"),
        (ClockSkewError("off", skew_seconds=600.0), "clock_refused", "clock right"),
        (HubOfflineError("171"), "hub_offline", "whether it has power"),
        (CloudTimeoutError("late"), "cloud_unreachable", "reaches the internet"),
        (CloudServerError("502"), "cloud_unreachable", "tried again by itself"),
        (RateLimitedError("429"), "cloud_unreachable", "tried again by itself"),
        (ConnectionError("refused"), "cloud_unreachable", "tried again by itself"),
        (DeviceOfflineError("161"), "meter_unreachable", "whether it has battery"),
        (BadParameterError("152"), "device_not_found", "correct its id"),
        (ValueError("a client's own"), "meter_unreachable", "whether it has battery"),
    ],
)
async def test_who_has_to_do_something_is_told_what(home, error, code, words):
    """What is the cloud's, the hub's or the token's is no matter of a meter's battery."""
    await home.live(10)
    home.house.cloud.broken[f"status {METER}"] = error
    await home.live(2)
    report = await home.engine.run_once(trigger="manual")
    assert code in [str(each.code) for each in report.decisions[0].reasons]
    await home.live(40)
    room = await home.room()
    assert (room["status"], room["reasons"]) == ("blind", [code])
    assert words in room["advice"]
    assert f"{type(error).__name__}: {error}" in room["advice"]
    [(_, said)] = home.told.said
    assert words in said
    home.restart()
    await home.live(10)
    assert (await home.room())["reasons"] == [code]
    assert len(home.told.said) == 1


async def test_a_cloud_that_fails_now_so_now_so_is_told_once(home):
    await home.live(10)
    for number in range(30):
        errors = [CloudTimeoutError("late"), HubOfflineError("171"), AuthError("no")]
        home.house.cloud.broken[f"status {METER}"] = errors[number % 3]
        await home.live(4)
    assert len(home.told.said) == 1


@pytest.mark.parametrize("minutes", [20, 50, 100, 200])
async def test_an_outage_has_a_beginning_and_an_end(home, minutes):
    """That the meter, which answers again, had been silent for long is no news then."""
    home.house.cloud.temperature = 19.0
    for step in range(30):
        home.house.cloud.temperature = round(19.0 + step / 15, 1)
        await home.live(4)
    assert home.house.state["assumed_aircon_power"] == "on"
    home.house.cloud.broken["status"] = CloudTimeoutError("late")
    await home.live(minutes)
    home.house.cloud.broken.clear()
    for step in range(20):
        home.house.cloud.temperature = 21.0 + step % 3 / 10
        await home.live(4)
        room = await home.room()
        assert room["status"] in ("kept", "recovering"), room
    began, over = home.told.said
    assert "gave no answer" in began[0]
    assert over[0] == "default: over"


WINDOWS = {
    "awake": {
        "time_windows": [{"days": list(range(7)), "start": "06:00", "end": "23:00"}]
    },
    "asleep": {
        "time_windows": [{"days": list(range(7)), "start": "06:00", "end": "09:00"}]
    },
    "foreseen": {"predictive_polling": True, "control": "auto"},
    "resting": {"idle_poll_interval_seconds": 3600, "poll_interval_seconds": 1800},
}


@pytest.mark.parametrize("paced", WINDOWS)
async def test_one_reading_that_fails_among_others_is_told_nobody(house, paced):
    """However far apart readings are: it is tried again within a minute or two."""
    house.configure(**WINDOWS[paced])
    home, cloud, reading = Watched(house), house.cloud, f"status {METER}"
    unread = 0
    for number in range(1, 60):
        cloud.temperature = 21.0 + number % 4 / 10
        cloud.broken = {} if number % 7 else {reading: DeviceOfflineError("offline")}
        asked = cloud.calls.count(reading)
        while cloud.calls.count(reading) == asked:
            house.clock.advance_to(max(home.engine.next_wakeup, house.clock.now()))
            await home.engine.run_once()
        zone = (await home.engine.health())["zones"]["default"]
        unread += zone["temperature_stale"]
    assert unread == 8
    assert home.told.said == []
    cloud.broken = {reading: DeviceOfflineError("offline")}
    end = house.clock.now() + timedelta(hours=1, minutes=15)
    while house.clock.now() < end:
        house.clock.advance_to(home.engine.next_wakeup)
        await home.engine.run_once()
    assert len(home.told.said) == 1


async def test_refused_commands_are_counted_named_and_shown_as_the_cause(home):
    home.house.cloud.temperature = 18.0
    home.house.cloud.broken["command"] = CloudError("no such device")
    await home.live(30)
    zone = (await home.engine.health())["zones"]["default"]
    assert zone["error_count"] >= 2
    assert "no such device" in zone["last_error"]
    assert zone["room"]["reasons"][0] == "commands_fail"
    assert "no such device" in zone["room"]["advice"]
    assert await home.status() == "degraded"
    shown = home.engine.overview()["zones"][0]
    assert shown["room"] == zone["room"]
    texts = [each["text"] for each in shown["reasons"]]
    assert "no such device" in texts[-1]
    assert "nothing stood against sending it" not in texts
    assert "no such device" in (await home.engine.explain()).text
    home.house.cloud.broken.clear()
    await home.live(
        16
    )  # what fails is tried ever less often, each quarter of an hour at least
    zone = (await home.engine.health())["zones"]["default"]
    assert (zone["error_count"], zone["last_error"]) == (0, None)


async def test_readings_that_succeed_do_not_hide_commands_that_fail(home):
    home.house.cloud.temperature = 18.0
    home.house.cloud.broken["command"] = CloudError("refused")
    await home.live(2)
    one = home.house.state["error_count"]
    await home.live(10)
    assert home.house.state["error_count"] > one
    home.house.cloud.broken[f"status {METER}"] = DeviceOfflineError("gone")
    await home.live(4)
    del home.house.cloud.broken[f"status {METER}"]
    home.house.cloud.temperature = 20.5
    await home.live(2)
    assert home.house.state["error_count"] > one
    assert "refused" in home.house.state["last_error"]


async def test_a_zone_without_a_way_to_command_is_degraded_at_once(home):
    home.house.configure(aircon_device_id=None)
    await home.live(2)
    room = await home.room()
    assert room["reasons"][0] == "no_rung_configured"
    assert "aircon_device_id" in room["advice"]
    assert await home.status() == "degraded"


async def test_a_notice_that_is_not_delivered_is_tried_again(home):
    home.told.error = OSError("no route")
    home.house.cloud.temperature = None
    await home.live(20)
    assert home.notices == []
    home.told.error = None
    home.restart()
    await home.live(4)
    assert len(home.told.said) == len(home.notices) == 1


async def test_an_older_state_document_is_read_and_the_room_judged(house):
    house.configure()
    house.remember(last_temperature=21.0, assumed_aircon_power="off")
    home = Watched(house)
    await home.live(4)
    assert (await home.room())["status"] == "kept"
    assert house.state["kept"]["status"] == "kept"


async def test_what_the_cloud_refuses_for_good_is_named_at_once(home):
    home.house.cloud.temperature = 18.0
    home.house.cloud.broken["command"] = BadParameterError(
        "no such device", status_code=152
    )
    await home.live(2)
    room = await home.room()
    assert room["reasons"][0] == "device_not_found"
    assert "correct its id" in room["advice"]
    assert "no such device" in room["advice"]
    [(title, _words)] = home.told.said
    assert title == "default: the cloud finds no such device or scene"
    await home.live(120)
    assert len(home.told.said) == 1
    assert (await home.room())["reasons"][0] == "device_not_found"


# --- meters that are doubted, pauses that never end ---------------------------------------


async def test_one_of_several_meters_that_is_not_believed_is_named(home):
    others = {"sensors": [{"device_id": METER}, {"device_id": "M2"}]}
    home.house.configure(meter_device_id=None, **others)
    await home.live(20)
    assert await home.status() == "ok"
    began = home.house.clock.now()
    home.house.cloud.broken["status M2"] = DeviceOfflineError("gone")
    await home.live(20)
    health = await home.engine.health()
    zone = health["zones"]["default"]
    (doubted,) = zone["doubted_meters"]
    assert (doubted["device_id"], doubted["because"]) == ("M2", "meter_unreachable")
    assert datetime.fromisoformat(doubted["since"]) == began
    assert doubted["message"] == "the meter could not be read"
    # The room is kept all the same.
    assert zone["room"]["status"] == "kept"
    assert zone["room"]["reasons"] == ["meter_doubted", "within_band"]
    assert "M2" in zone["room"]["advice"]
    assert "battery" in zone["room"]["advice"]
    assert health["status"] == "degraded"
    assert home.engine.overview()["zones"][0]["room"] == zone["room"]
    home.house.cloud.broken.clear()
    await home.live(30)
    assert await home.status() == "ok"
    assert [(each.trouble, each.since, each.ended) for each in home.notices] == [
        ("meter_doubted", began, False),
        ("meter_doubted", began, True),
    ]


async def test_of_two_meters_that_disagree_nobody_knows_which_is_right(home):
    others = {"sensors": [{"device_id": METER}, {"device_id": "M2"}]}
    home.house.configure(meter_device_id=None, **others)
    home.house.cloud.temperatures["M2"] = 14.0
    await home.live(20)
    room = await home.room()
    assert (room["status"], room["reasons"][0]) == ("blind", "meters_disagree")
    assert "nobody knows which" in room["advice"]
    assert await home.status() == "degraded"
    assert len(home.told.said) == 1


async def test_a_meter_that_jumps_again_and_again_is_told_once(home):
    for step in range(60):
        home.house.cloud.temperature = 21.0 if step % 3 else 29.0
        await home.live(2)
    room = await home.room()
    assert "temperature_jumped" in room["reasons"]
    assert await home.status() == "degraded"
    assert [each.trouble for each in home.notices] == ["temperature_jumped"]


async def test_a_meter_that_stands_still_beside_a_resting_unit_is_no_sign_of_comfort(
    home,
):
    for step in range(24 * 6):
        home.house.cloud.temperature = 21.0 + 0.1 * (step % 2)
        await home.live(10)
    assert await home.status() == "ok"
    await home.live(60 * 5)
    room = await home.room()
    assert (room["status"], room["reasons"]) == ("blind", ["sensor_frozen"])
    assert await home.status() == "degraded"
    # That its unit is started does not make it believed.
    await home.engine.act("default", "winter", hold=120)
    await home.live(6)
    assert (await home.room())["status"] == "blind"
    assert await home.status() == "degraded"


async def test_a_window_that_is_forgotten_open_is_a_pause_and_no_comfort(home):
    cloud = home.house.cloud
    home.house.configure(openings={"sensors": ["C1"]}, fan_mode_during_window=True)
    cloud.aircon = {"openState": "open"}
    await home.live(60 * 3)
    began = (await home.room())["since"]
    assert await home.status() == "ok"
    cloud.sent.clear()
    await home.live(60 * 3)
    room = await home.room()
    assert (room["status"], room["since"]) == ("paused", began)
    assert room["reasons"] == ["pause_too_long", "opening_too_long"]
    assert await home.status() == "degraded"
    assert [each.trouble for each in home.notices] == ["pause_too_long"]
    # No fan blows into it either.
    assert [word for word in cloud.words if "setAll" in word] == []


@pytest.mark.parametrize("error", [CloudTimeoutError("late"), AuthError("no")])
async def test_what_is_the_matter_with_all_rooms_is_told_once(house, error):
    """A home of ten rooms need not hear ten times that the cloud is away."""
    meters = {"attic": "M1", "bath": "M2", "cellar": "M3"}
    units = {name: f"02-20260101000{n}-0{n}" for n, name in enumerate(meters)}
    house.configure(
        meter_device_id=None,
        aircon_device_id=None,
        zones={
            name: {"meter_device_id": meters[name], "aircon_device_id": units[name]}
            for name in meters
        },
    )
    house.cloud.temperatures = dict.fromkeys(meters.values(), 21.0)
    home = Watched(house)
    await home.live(10)
    house.cloud.broken["status"] = error
    await home.live(60)
    assert len(home.told.said) == 1
    assert len(home.notices) == 3
    home.restart()
    # Two rooms are seen again, and the third is not yet.
    house.cloud.broken = {"status M3": error}
    await home.live(30)
    assert len(home.told.said) == 1
    house.cloud.broken.clear()
    await home.live(30)
    (_, over) = home.told.said
    assert over[0].endswith(": over")
    assert [each.ended for each in home.notices].count(True) == 3


async def test_when_a_room_is_expected_back_is_in_every_word_of_it(home):
    for minutes in range(0, 60, 5):
        home.house.cloud.temperature = 18.0 + minutes / 50.0
        await home.live(5, 5)
    room = await home.room()
    assert room["status"] == "recovering"
    back = datetime.fromisoformat(room["expected_back"])
    # Some half a kelvin at 1.2 K an hour.
    now = home.house.clock.now()
    assert now < back < now + timedelta(minutes=60)
    shown = home.engine.zone_overview("default")
    assert shown["room"]["expected_back"] == room["expected_back"]
