"""The JSON API of the home: zones, history, decisions, explanations, actions."""

import asyncio
import csv
import io
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest

from switchbot_store import StoreUnavailableError


async def test_every_zone_is_told_as_it_is_now(home, get):
    async with home.serve() as url:
        told = await get(f"{url}api/zones")
        alone = await get(f"{url}api/zones/office")
    assert [zone["name"] for zone in told["zones"]] == ["living room", "office"]
    room, office = told["zones"]
    assert office == alone
    assert room["band"] == {"low": 20.5, "high": 21.5}
    known = home.store.get("state/living room")
    assert room["temperature"] == known["last_temperature"]
    assert (room["power"], room["action"]) == ("on", "winter")
    assert room["in_window"]["end"] == "22:30"
    assert room["reasons"][0]["code"] == "in_window"
    assert all(each["text"] for each in room["reasons"])
    assert told["quota"]["remaining"] > 0


async def test_a_zone_alone_is_told_in_the_season_that_is_on(home, get):
    document = (await home.engine.stored_settings()).data
    profiles = {"summer": {"min_temp": 24, "max_temp": 26, "target_temp": 25}}
    await home.engine.apply_settings(document | profiles | {"mode": "auto"})
    await home.live(0.2)
    async with home.serve() as url:
        told = (await get(f"{url}api/zones"))["zones"]
        for zone in told:
            assert (zone["mode"], zone["season"]) == ("auto", "winter")
            path = f"{url}api/zones/{zone['name']}"
            assert await get(path) == zone
            chart = await get(f"{path}/history?hours=1")
            assert chart["band"] == zone["band"]
    assert [zone["band"]["low"] for zone in told] == [20.5, 19.5]


async def test_a_home_that_was_never_looked_at_has_nothing_to_tell(bare, get):
    async with bare.serve() as url:
        assert (await get(f"{url}api/zones"))["zones"] == []
        told = await get(f"{url}api/zones/office", 404)
    assert told["error"] == "unknown_zone"


async def test_a_zone_nobody_knows_is_named_with_those_there_are(home, get, send):
    async with home.serve() as url:
        for path in ("", "/explain", "/history", "/decisions"):
            told = await get(f"{url}api/zones/cellar{path}", 404)
            assert told["known"] == ["living room", "office"]
        await send(f"{url}api/zones/cellar/actions", {"action": "off"}, 404)


async def test_the_chart_shows_the_night_when_the_unit_was_off(home, get):
    async with home.serve() as url:
        told = await get(f"{url}api/zones/office/history?hours=9&points=108")
    assert told["band"] == {"low": 19.5, "high": 20.5}
    assert told["bucket_seconds"] == 300
    rows = told["rows"]
    by_hour = {row["timestamp"][11:16]: row for row in rows}
    assert by_hour["04:00"].get("aircon_on_seconds", 0) == 0
    assert by_hour["06:00"]["aircon_on_seconds"] == 300
    # On from 06:30 in Berlin, 05:30 UTC, until now, with rests.
    assert 1800 < told["on_seconds"] <= 3.5 * 3600
    assert by_hour["05:25"]["temperature"] < by_hour["08:30"]["temperature"]


async def test_a_chart_of_a_range_is_cut_where_it_was_asked(home, get):
    query = "start=2026-01-12T05:00:00Z&end=2026-01-12T06:00:00%2B00:00&points=12"
    async with home.serve() as url:
        told = await get(f"{url}api/zones/office/history?{query}")
    stamps = [row["timestamp"] for row in told["rows"]]
    assert stamps[0] == "2026-01-12T05:00:00Z"
    assert stamps[-1] == "2026-01-12T05:55:00Z"


@pytest.mark.parametrize(
    "query",
    [
        "points=0",
        "points=2001",
        "points=many",
        "hours=-1",
        "hours=nan",
        "hours=1e9",
        "start=yesterday",
        "start=2026-01-12T05:00:00",
        "start=2026-01-12T05:00:00Z&end=2026-01-12T05:00:00Z",
        "start=1990-01-12T05:00:00Z",
    ],
)
async def test_a_chart_that_cannot_be_drawn_is_refused(looked, get, query):
    async with looked.serve() as url:
        await get(f"{url}api/zones/office/history?{query}", 422)


async def test_columns_say_what_rows_say(home, get):
    query = "start=2026-01-12T03:00:00Z&end=2026-01-12T09:00:00Z&points=72"
    async with home.serve() as url:
        rows = await get(f"{url}api/zones/office/history?{query}")
        told = await get(f"{url}api/zones/office/history?{query}&shape=columns")
        await get(f"{url}api/zones/office/history?{query}&shape=cubes", 422)
    columns, width = told["columns"], timedelta(seconds=told["bucket_seconds"])
    origin = datetime.fromisoformat(told["origin"])
    assert len(rows["rows"]) > 30
    seen = 0
    for row in rows["rows"]:
        at = (datetime.fromisoformat(row["timestamp"]) - origin) // width
        seen += columns["temperature"][at] is not None
        assert columns["temperature"][at] == pytest.approx(row["temperature"], abs=0.01)
        on = columns["on_seconds"][at] or 0
        assert on == pytest.approx(row["aircon_on_seconds"] or 0, abs=1)
        low = columns.get("min_temperature", {at: None})[at]
        assert low is None or low == pytest.approx(row["min_temperature"], abs=0.01)
    assert seen == sum(each is not None for each in columns["temperature"])


async def test_a_chart_of_nothing_has_no_columns(home, get):
    query = "start=2020-01-12T03:00:00Z&end=2020-01-12T09:00:00Z&shape=columns"
    async with home.serve() as url:
        told = await get(f"{url}api/zones/office/history?{query}")
    assert (told["origin"], told["columns"]) == (None, {})


async def test_the_band_is_told_as_it_was(home, get):
    began = home.clock.now()
    document = (await home.engine.stored_settings()).data
    office = document["zones"]["office"]
    office["winter"] = {"min_temp": 17, "max_temp": 18, "target_temp": 20}
    await home.engine.apply_settings(document)
    await home.live(0.5)
    async with home.serve() as url:
        told = await get(f"{url}api/zones/office/decisions")
        late = began + timedelta(minutes=20)
        query = f"start={late:%Y-%m-%dT%H:%M:%SZ}"
        part = await get(f"{url}api/zones/office/decisions?{query}")
    before, after = told["bands"]
    assert (before["low"], before["high"]) == (19.5, 20.5)
    assert (after["low"], after["high"]) == (17, 18)
    assert began.isoformat()[:16] <= after["since"] < late.isoformat()
    # One that began before the range is in force from its start on.
    assert part["bands"] == [after | {"since": part["start"]}]
    assert all(each["since"] >= part["start"] for each in part["decisions"])


async def test_decisions_are_told_of_any_two_weeks(home, get):
    path = "api/zones/office/decisions"
    async with home.serve() as url:
        all_ = (await get(f"{url}{path}"))["decisions"]
        middle = all_[len(all_) // 2]["since"]
        older = (await get(f"{url}{path}?end={middle}"))["decisions"]
        newer = (await get(f"{url}{path}?start={middle}"))["decisions"]
        for query in ("start=2025-01-01T00:00:00Z", "end=soon", "hours=337"):
            await get(f"{url}{path}?{query}", 422)
    assert newer + older == all_
    assert newer
    assert older


async def test_days_add_up_to_what_the_rows_say(home, get):
    async with home.serve() as url:
        told = (await get(f"{url}api/zones/office/days"))["days"]
        charts = [
            await get(f"{url}api/zones/office/history?hours=9&points={points}")
            for points in (9, 108, 288, 2000)
        ]
        rows = home.history.query(
            home.clock.now() - timedelta(hours=9), home.clock.now(), zone="office"
        ).rows
        for query in ("days=0", "days=32", "days=x", "end=never"):
            await get(f"{url}api/zones/office/days?{query}", 422)
    (day,) = told
    assert day["day"] == "2026-01-12"
    for chart in charts:
        assert day["on_seconds"] == pytest.approx(chart["on_seconds"], abs=2)
    powers = [row.assumed_aircon_power for row in rows]
    starts = "".join("1" if each == "on" else "0" for each in powers).count("01")
    assert day["starts"] == starts > 0
    assert day["min_temperature"] <= day["temperature"] <= day["max_temperature"]


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "@office", "+1", "Büro, oben"])
async def test_the_rows_of_a_chart_are_csv_that_harms_no_spreadsheet(home, http, name):
    document = (await home.engine.stored_settings()).data
    document["zones"][name] = document["zones"].pop("office")
    await home.engine.apply_settings(document)
    await home.live(0.3)
    async with home.serve() as url:
        where = f"{url}api/zones/{quote(name, safe='')}/history.csv"
        async with http.get(f"{where}?hours=1") as answer:
            assert answer.status == 200
            assert answer.content_type == "text/csv"
            given = answer.headers["Content-Disposition"]
            assert given.startswith("attachment;")
            assert quote(name, safe="") in given
            rows = list(csv.DictReader(io.StringIO(await answer.text())))
        async with http.get(f"{where}?hours=800") as answer:
            assert answer.status == 422
    assert len(rows) > 2
    for row in rows:
        assert row["zone"].lstrip("'") == name
        assert not any(cell.startswith(("=", "@", "+")) for cell in row.values())
        assert float(row["temperature"]) > 0


async def test_looks_that_decided_the_same_are_one_decision(home, get):
    async with home.serve() as url:
        told = await get(f"{url}api/zones/office/decisions")
        fewer = await get(f"{url}api/zones/office/decisions?limit=1")
    made = told["decisions"]
    assert fewer["decisions"] == made[:1]
    outcomes = [each["outcome"] for each in made]
    assert "winter_on" in outcomes
    night = next(each for each in made if each["outcome"] == "already_off")
    assert night["looks"] > 10
    began = made[outcomes.index("winter_on")]
    assert began["commands"][0]["action"] == "winter"
    assert "where it turns on" in " ".join(each["text"] for each in began["reasons"])
    assert [each["since"] for each in made] == sorted(
        (each["since"] for each in made), reverse=True
    )


async def test_without_a_history_the_decisions_of_this_process_are_told(bare, get):
    async with bare.serve() as url:
        assert (await bare.engine.run_once()).outcome
        await bare.live(7)
        told = await get(f"{url}api/zones/office/decisions")
        chart = await get(f"{url}api/zones/office/history")
    assert "winter_on" in [each["outcome"] for each in told["decisions"]]
    assert max(each["looks"] for each in told["decisions"]) > 10
    assert chart["rows"] == []
    assert chart["source"] == "none"


async def test_an_explanation_is_the_engines_own_now_and_of_an_hour_ago(home, get):
    then = home.clock.now() - timedelta(hours=5)
    async with home.serve() as url:
        now = await get(f"{url}api/zones/office/explain")
        past = await get(
            f"{url}api/zones/office/explain", params={"at": then.isoformat()}
        )
        await get(f"{url}api/zones/office/explain?at=soon", 422)
    assert now == (await home.engine.explain("office")).to_dict()
    assert past["outcome"] == "already_off"
    assert past["decided_at"] <= then.isoformat()


async def test_a_person_turns_a_room_off_and_holds_it(home, get, send):
    async with home.serve() as url:
        told = await send(
            f"{url}api/zones/office/actions", {"action": "off", "hold": 3600}
        )
        assert (told["action"], told["status"]) == ("off", "accepted")
        zone = await get(f"{url}api/zones/office")
        assert zone["power"] == "off"
        assert zone["hold_until"] == (home.clock.now() + timedelta(hours=1)).isoformat()
        # In the cold the automation would turn it on; the hold keeps it off.
        await home.live(0.5)
        assert (await get(f"{url}api/zones/office"))["power"] == "off"
        await home.live(1)
        zone = await get(f"{url}api/zones/office")
        assert zone["hold_until"] is None


async def test_a_hold_leaves_the_unit_as_it_is_until_it_is_resumed(home, get, send):
    async with home.serve() as url:
        before = await get(f"{url}api/zones/office")
        held = await send(f"{url}api/zones/office/actions", {"action": "hold"})
        assert held["hold_until"].startswith("9999")
        await home.live(2)
        zone = await get(f"{url}api/zones/office")
        assert zone["power"] == before["power"]
        assert zone["reasons"][0]["code"] == "hold_manual"
        told = await send(f"{url}api/zones/office/actions", {"action": "resume"})
        assert told["hold_until"] is None
        await home.engine.run_once()
        zone = await get(f"{url}api/zones/office")
    assert zone["reasons"][0]["code"] != "hold_manual"


async def test_a_window_is_skipped_and_the_fan_quiet_until_it_is_resumed(
    home, get, send
):
    async with home.serve() as url:
        path = f"{url}api/zones/office/actions"
        told = await send(path, {"action": "skip_next_window"})
        (skipped,) = told["skipped_windows"]
        assert skipped["begins"] > home.clock.now().isoformat()
        told = await send(path, {"action": "quiet_fan", "hold": "until_end_of_day"})
        zone = await get(f"{url}api/zones/office")
        assert zone["skipped_windows"] == [skipped]
        assert zone["quiet_fan_until"] == told["quiet_fan_until"]
        other = await get(f"{url}api/zones/living%20room")
        assert (other["skipped_windows"], other["quiet_fan_until"]) == ([], None)
        refused = {"action": "skip_next_window", "hold": 60}
        assert "leave hold out" in (await send(path, refused, 422))["message"]
        told = await send(path, {"action": "resume"})
    assert (told["skipped_windows"], told["quiet_fan_until"]) == ([], None)


async def test_quick_off_disables_one_room_until_it_is_resumed(home, get, send):
    async with home.serve() as url:
        await send(f"{url}api/zones/office/actions", {"action": "quick_off"})
        await home.live(1)
        zones = (await get(f"{url}api/zones"))["zones"]
        assert [zone["enabled"] for zone in zones] == [True, False]
        assert zones[1]["power"] == "off"
        assert zones[1]["outcome"] == "disabled"
        await send(f"{url}api/zones/office/actions", {"action": "resume"})
        await home.live(1)
        office = await get(f"{url}api/zones/office")
    assert office["enabled"]
    assert office["power"] == "on"
    assert home.store.get("settings")["zones"]["office"]["automation_enabled"] is True


async def test_on_during_the_compressors_rest_says_until_when_it_waits(home, send):
    async with home.serve() as url:
        office = f"{url}api/zones/office/actions"
        await send(office, {"action": "off"})
        home.clock.advance(60)
        told = await send(office, {"action": "on"})
    assert told["status"] == "blocked"
    due = home.clock.now() + timedelta(seconds=600 - 60)
    assert told["blocked_until"] == due.isoformat().replace("+00:00", "Z")


async def test_on_that_other_rooms_pay_for_names_them_and_until_when(home, send):
    stored = home.store.get("settings")
    zones = list(stored["zones"])
    other = next(name for name in zones if name != "office")
    group = {"outdoor": {"zones": zones}}
    home.store.set("settings", {**stored, "groups": group})
    async with home.serve() as url:
        await send(f"{url}api/zones/{other}/actions", {"action": "winter"})
        told = await send(f"{url}api/zones/office/actions", {"action": "summer"})
    assert told["status"] == "blocked"
    pays = told["reasons"][-1]
    assert pays["code"] == "group_others_wait"
    assert pays["zones"] == [other]
    assert datetime.fromisoformat(pays["until"]) > home.clock.now()
    assert pays["text"].startswith(
        f"{other} cannot have heating while office has cooling"
    )


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"action": "explode"},
        {"action": ["off"]},
        {"action": {"off": 1}},
        {"action": "off", "hold": 0},
        {"action": "off", "hold": -5},
        {"action": "off", "hold": 1e12},
        {"action": "off", "hold": True},
        {"action": "off", "hold": "soon"},
        {"action": "off", "hold": "2026-01-12T20:00:00"},
        {"action": "off", "hold": [3600]},
        {"action": "off", "holds": 3600},
    ],
)
async def test_a_wish_that_makes_no_sense_changes_nothing(looked, send, wish):
    before = looked.store.get("state/office")
    async with looked.serve() as url:
        await send(f"{url}api/zones/office/actions", wish, 422)
    assert looked.store.get("state/office") == before


async def test_read_only_shows_everything_and_changes_nothing(home, get, send):
    keys = home.store.keys()
    before = home.store.get_many(keys)
    async with home.serve(read_only=True) as url:
        assert (await get(f"{url}api/zones"))["read_only"] is True
        await get(f"{url}api/settings")
        told = await send(f"{url}api/zones/office/actions", {"action": "off"}, 403)
        assert told["error"] == "read_only"
        for query in ("", "?dry_run=1"):
            await send(f"{url}api/settings{query}", {}, 403, method="PUT")
    assert home.store.keys() == keys
    assert home.store.get_many(keys) == before


async def test_a_history_that_is_away_is_an_answer_and_no_crash(home, get, monkeypatch):
    def away(*_arguments, **_options):
        raise StoreUnavailableError("the disk is gone")

    monkeypatch.setattr(home.history.backend, "buckets", away)
    async with home.serve() as url:
        told = await get(f"{url}api/zones/office/history", 503)
    assert told["error"] == "store_unavailable"


async def test_many_who_ask_the_same_are_one_query(home, http, monkeypatch):
    asked = []
    real = home.history.backend.buckets

    def counted(*arguments, **options):
        asked.append(arguments)
        return real(*arguments, **options)

    monkeypatch.setattr(home.history.backend, "buckets", counted)

    async def fetch(url):
        async with http.get(url) as answer:
            return await answer.json()

    async with home.serve() as url:
        chart = f"{url}api/zones/office/history?points=50"
        answers = await asyncio.gather(*(fetch(chart) for _ in range(30)))
        assert all(answer == answers[0] for answer in answers)
        assert len(asked) == 1
        await home.live(0.2)
        assert await fetch(chart) != answers[0]
    assert len(asked) == 2


async def test_a_band_or_a_preset_can_be_wished_for_a_time(home, get, send):
    async with home.serve() as url:
        path = f"{url}api/zones/office"
        wish = {"action": "set_temperature", "low": 21.5, "high": 22.5, "hold": 3600}
        told = await send(f"{path}/actions", wish)
        assert told["wish"]["until"] == "2026-01-12T10:00:00+00:00"
        await home.live(0.02)
        shown = await get(path)
        assert shown["band"] == {"low": 21.5, "high": 22.5}
        assert "21.5 to 22.5 °C" in str(shown["reasons"])
        told = await send(f"{path}/actions", {"action": "resume"})
        assert told["wish"] is None
        assert (await get(path))["band"] == {"low": 19.5, "high": 20.5}


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ({"action": "set_temperature", "low": 21}, "high", "expected degrees"),
        ({"action": "set_temperature", "low": "21", "high": 22}, "low", "number"),
        ({"action": "set_temperature", "low": True, "high": 22}, "low", "number"),
        ({"action": "set_temperature", "low": 23, "high": 22}, "wish", "lower one"),
        ({"action": "set_preset_mode"}, "preset", "expected a name"),
        ({"action": "set_preset_mode", "preset": "party"}, "wish", "no preset"),
        ({"action": "off", "low": 21}, "unknown_key", "low"),
    ],
)
async def test_a_wish_that_cannot_be_says_why(home, send, body, error, words):
    async with home.serve() as url:
        told = await send(f"{url}api/zones/office/actions", body, 422)
    assert told["error"] == error
    assert words in told["message"]


async def test_what_is_wished_of_a_room_is_told_of_each_of_its_units(
    equipped, get, send
):
    async with equipped.serve() as url:
        wish = {"action": "set_temperature", "low": 22, "high": 23}
        told = await send(f"{url}api/zones/living room 2/actions", wish)
        assert told["wish"]["until"] == "2026-01-12T21:30:00+00:00"
        zones = {each["name"]: each for each in (await get(f"{url}api/zones"))["zones"]}
    assert {name: each["lead"] for name, each in zones.items()} == {
        "living room": None,
        "living room 2": "living room",
        "cellar": None,
        "cellar 1": "cellar",
    }
    assert (
        zones["living room"]["wish"] == zones["living room 2"]["wish"] == told["wish"]
    )
    assert [name for name, each in zones.items() if each["without_unit"]] == ["cellar"]
    assert [
        name for name, each in zones.items() if "quiet_fan" in each["possible"]
    ] == ["living room"]


async def test_what_is_told_as_possible_is_and_a_fan_that_is_not_is_refused(
    equipped, get, send
):
    more = {
        "set_temperature": {"low": 20, "high": 22},
        "hold": {"hold": 3600},
        "quiet_fan": {"hold": 3600},
    }
    async with equipped.serve() as url:
        for zone in (await get(f"{url}api/zones"))["zones"]:
            path = f"{url}api/zones/{zone['name']}/actions"
            if "quiet_fan" not in zone["possible"]:
                told = await send(path, {"action": "quiet_fan", "hold": 3600}, 422)
                assert "told no fan speed" in told["message"]
            for action in zone["possible"]:
                told = await send(path, {"action": action, **more.get(action, {})})
                assert told["status"] in {"accepted", "blocked", "confirmed"}, (
                    zone["name"],
                    action,
                    told,
                )
                if action == "quick_off":
                    await send(path, {"action": "resume"})
