"""A home that no process keeps: whoever visits it goes on where the last one left."""

import asyncio
import gc
import json
from dataclasses import replace
from random import Random

import pytest

from switchbot_automation import AutomationEngine
from switchbot_automation.errors import (
    SettingsError,
    UnknownHomeError,
    UnknownZoneError,
)
from switchbot_automation.fleet.accounts import AccountVisit
from switchbot_automation.fleet.errands import Errand, checked_errand
from switchbot_automation.fleet.summary import LEFT
from switchbot_automation.languages import error_words, speaking
from switchbot_store import HomeStore, StoreUnavailableError
from switchbot_store.languages import unpacked

TWO_ROOMS = {
    "zones": {
        "living": {"meter_device_id": "AAAA00000001", "aircon_device_id": "01-1-1"},
        "study": {"meter_device_id": "AAAA00000002", "aircon_device_id": "01-1-2"},
    }
}


async def test_visits_do_what_a_kept_engine_does(fleet):
    """Tick by tick, for what is sent, asked, and wanted next."""
    courses = {}
    degrees = [21.0, 19.5, 19.0, 20.5, 22.5, 22.6, 21.0, 19.4, 21.0]
    for home in ("kept", "visited"):
        cloud, clock = fleet.add(home), fleet.clock
        began, course = clock.now(), []
        engine = None
        if home == "kept":
            engine = AutomationEngine(cloud, fleet.place.store, clock=clock, home=home)
        for temperature in degrees:
            cloud.temperature = temperature
            if engine is not None:
                report = await engine.run_once()
                wakeup, outcome = report.next_wakeup, str(report.outcome)
            else:
                visit = await fleet.visit(home)
                wakeup, outcome = visit.next_wakeup, visit.outcome
            course.append((outcome, wakeup - began))
            clock.advance((wakeup - clock.now()).total_seconds())
        courses[home] = (course, cloud.words, cloud.calls)
    assert courses["kept"] == courses["visited"]
    assert len(courses["kept"][1]) >= 3


@pytest.mark.parametrize("settings", [{}, TWO_ROOMS], ids=["one room", "two rooms"])
async def test_a_visit_is_two_statements(fleet, settings):
    """Once it is known which zones there are; and two more where a command goes out."""
    fleet.add("42", 21.0, **settings)
    await fleet.visit("42")
    for _ in range(3):
        fleet.clock.advance(60)
        visit = await fleet.visit("42")
        assert (visit.statements, visit.commands) == (2, 0)
    found = HomeStore(fleet.store, "42").get(LEFT)
    assert found["status"] == "ok"
    assert found["next_wakeup"] == visit.to_document()["next_wakeup"]
    assert json.loads(json.dumps(visit.to_document()))["zones"] == list(visit.zones)


async def test_what_a_visit_made_is_free_when_it_is_left(fleet):
    """Not at a search for garbage, which in a fleet finds hundreds of homes at once."""
    fleet.add("42", 21.0, **TWO_ROOMS)
    await fleet.visit("42")
    gc.collect()
    gc.disable()
    try:
        before = _engines()
        for temperature in (18.0, 24.0, 21.0):
            fleet.clouds["42"].temperature = temperature
            fleet.clock.advance(600)
            assert (await fleet.visit("42")).statements
        assert _engines() == before
    finally:
        gc.enable()


def _engines():
    kinds = AutomationEngine, AccountVisit
    return sum(isinstance(each, kinds) for each in gc.get_objects())


async def test_a_visitor_who_knows_no_zone_asks_once_more(fleet):
    fleet.add("42", 21.0, **TWO_ROOMS)
    await fleet.visit("42")
    fleet.clock.advance(60)
    assert (await fleet.visit("42", zones=())).statements == 3


async def test_rows_of_an_unchanged_decision_point_to_its_trace(fleet):
    """Though every visitor is another engine; the run goes on over all of them."""
    fleet.add("42", 21.0)
    for _ in range(5):
        await fleet.visit("42")
        fleet.clock.advance(60)
    fleet.service.flush()
    rows = fleet.service.of_home("42").latest(9)
    assert ["trace" in row.metadata for row in rows] == [True, *[False] * 4]
    # Each says how far back the row with the trace is, in microseconds.
    back = [row.metadata["run"] for row in rows[1:]]
    assert back == [n * 60_000_000 for n in (1, 2, 3, 4)]
    left = HomeStore(fleet.store, "42").get(LEFT)
    assert left["memory"]["runs"]["default"]["count"] == 5
    small = [len(json.dumps(row.metadata)) for row in rows]
    assert max(small[1:]) < small[0] / 3


async def test_what_cannot_be_remembered_is_found_out_anew(fleet):
    fleet.add("42", 21.0)
    await fleet.visit("42")
    home = HomeStore(fleet.store, "42")
    for memory in (
        7,
        {"runs": 1, "notes": [1]},
        {"runs": {"default": {}}},
        {"notes": {"default": ["x"]}},
    ):
        home.set(LEFT, {"memory": memory})
        fleet.clock.advance(60)
        assert (await fleet.visit("42")).status == "ok"


async def test_two_visitors_at_once_command_once(fleet):
    """Whoever writes second goes by what the first one left."""
    cloud = fleet.add("42", 17.5)
    seconds = await asyncio.gather(*[fleet.visit("42") for _ in range(4)])
    assert len([word for word in cloud.words if word.startswith("setAll")]) == 1
    assert sum(visit.commands for visit in seconds) == 1
    state = HomeStore(fleet.store, "42").get("state")
    assert state["assumed_aircon_power"] == "on"


@pytest.mark.parametrize("seed", range(6))
async def test_visitors_who_meet_at_any_moment_command_once(fleet, seed):
    """Also one who was held back by the other's intent, and writes before that one."""
    turns = Random(seed)
    for number in range(6):
        home = str(number)
        cloud = fleet.add(home, 17.5)
        answer = cloud._answer

        async def slowly(call, answer=answer):
            for _ in range(turns.randrange(6)):
                await asyncio.sleep(0)
            await answer(call)

        cloud._answer = slowly
        await asyncio.gather(*[fleet.visit(home) for _ in range(turns.randint(2, 3))])
        assert len(cloud.words) == 1
        state = HomeStore(fleet.store, home).get("state")
        assert state["assumed_aircon_power"] == "on"
        assert state.get("command_intent") is None
        fleet.clock.advance(60)
        cloud.temperature = 18.5
        await fleet.visit(home)
        assert len(cloud.words) == 1


async def test_a_visitor_that_died_after_its_command_is_not_doubled(fleet):
    """Its intent is there; what came of it is not."""
    cloud = fleet.add("42", 17.5)
    command = cloud.command

    async def last_deed(*words):
        await command(*words)
        raise KeyboardInterrupt

    cloud.command = last_deed
    with pytest.raises(KeyboardInterrupt):
        await fleet.visit("42")
    assert len(cloud.words) == 1
    cloud.command = command
    for _ in range(3):
        fleet.clock.advance(60)
        await fleet.visit("42")
    # The same words once more are allowed where they mean the same: it may be lost.
    assert cloud.words[1:] in ([], cloud.words[:1])


async def test_what_a_person_asks_is_done_and_kept(fleet):
    cloud = fleet.add("42", 21.0)
    await fleet.visit("42")
    errand = checked_errand(
        {"kind": "act", "zone": "default", "action": "on", "hold": "permanent"}
    )
    visit = await fleet.visit("42", errand=errand)
    assert visit.commands == 1
    assert cloud.words[-1].startswith("setAll")
    fleet.clock.advance(60)
    cloud.temperature = 23.5
    assert (await fleet.visit("42")).commands == 0
    resumed = await fleet.visit(
        "42", errand=checked_errand({"kind": "resume", "zone": "default"})
    )
    assert cloud.words[-1] == "turnOff"
    assert resumed.commands == 1
    with pytest.raises(UnknownZoneError):
        await fleet.visit(
            "42", errand=checked_errand({"kind": "resume", "zone": "nowhere"})
        )


async def test_a_pushed_reading_is_acted_on_at_once(fleet):
    cloud = fleet.add("42", 21.0)
    await fleet.visit("42")
    fleet.clock.advance(5)
    payload = {
        "eventType": "changeReport",
        "eventVersion": "1",
        "context": {
            "deviceType": "WoMeter",
            "deviceMac": "C271111EC0AB",
            "temperature": 17.5,
            "scale": "CELSIUS",
            "humidity": 50,
            "timeOfSample": int(fleet.clock.now().timestamp() * 1000),
        },
    }
    visit = await fleet.visit(
        "42", errand=checked_errand({"kind": "webhook", "payload": payload})
    )
    assert visit.commands == 1
    assert cloud.words[-1].startswith("setAll")


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"kind": "demolish"}, "kind"),
        ({"kind": "act", "action": "off"}, "zone"),
        ({"kind": "act", "zone": "a"}, "action"),
        ({"kind": "hold", "zone": "a"}, "hold"),
        ({"kind": "set_temperature", "zone": "a", "low": 20.0}, "high"),
        ({"kind": "set_preset_mode", "zone": "a", "until": "permanent"}, "preset"),
        ({"kind": "act", "zone": "a", "shell": "rm"}, "shell"),
        ({"kind": "webhook"}, "payload"),
        ({}, "kind"),
    ],
)
def test_an_errand_that_cannot_be_is_refused(document, path):
    with pytest.raises(SettingsError) as raised:
        checked_errand(document)
    assert raised.value.path == path


async def test_a_store_that_is_away_is_told_of(fleet):
    """The queue asks again; a report of a home that was not looked at would be a lie."""
    fleet.add("42", 21.0)
    await fleet.visit("42")
    calls = fleet.place.store
    whole, calls.store = calls.store, _Away()
    try:
        with pytest.raises(StoreUnavailableError):
            await fleet.visit("42")
    finally:
        calls.store = whole


class _Away:
    def __getattr__(self, name):
        def fails(*_args):
            raise StoreUnavailableError("no route")

        return fails


@pytest.mark.parametrize("visits", [0, 1], ids=["at its first visit", "later"])
@pytest.mark.parametrize("degrees", [21.0, 17.5], ids=["at rest", "commanding"])
async def test_of_a_home_that_is_deleted_under_a_visit_nothing_comes_to_be_again(
    fleet, visits, degrees
):
    """Whatever the visit was about to write, and to whomever its account belongs."""
    cloud = fleet.add("42", 21.0)
    fleet.add("7")
    for _ in range(visits):
        await fleet.visit("42")
        fleet.clock.advance(300)
    cloud.temperature = degrees
    status = cloud.status

    async def deletes(*words):
        # Once the visit has read what there is.
        fleet.store.forget("homes/42/")
        return await status(*words)

    cloud.status = deletes
    with pytest.raises(UnknownHomeError):
        await fleet.visit("42")
    assert fleet.store.keys_with("homes/42/") == []
    assert fleet.store.keys_with("homes/7/") == ["homes/7/settings"]


class CutOff:
    """A store that does not answer some calls, which it may have done all the same."""

    def __init__(self, inner):
        self._inner = inner
        self.cuts = {}

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if name not in {"get_entry", "get_many", "set_many_if", "delete", "forget"}:
            return found

        async def call(*given):
            cut = self.cuts.pop(name, None)
            if cut == "after":
                await found(*given)
            if cut:
                raise StoreUnavailableError("cut off")
            return await found(*given)

        return call


@pytest.mark.parametrize("cut", ["get_entry", "delete", "set_many_if"])
async def test_of_a_home_deleted_as_the_store_went_away_nothing_is_left(fleet, cut):
    """Whether it was away as the visit wrote, or as it looked again."""
    cloud = fleet.add("42", 21.0)
    store = CutOff(fleet.place.store)
    fleet.place = replace(fleet.place, store=store)
    status = cloud.status

    async def deletes(*words):
        fleet.store.forget("homes/42/")
        store.cuts[cut] = "after" if cut == "set_many_if" else "before"
        return await status(*words)

    cloud.status = deletes
    with pytest.raises(UnknownHomeError):
        await fleet.visit("42")
    assert store.cuts == {}
    assert fleet.store.keys_with("homes/42/") == []
    store.cuts.clear()


async def test_of_a_home_deleted_under_a_person_s_errand_nothing_is_left(fleet):
    cloud = fleet.add("42", 21.0)
    fleet.add("7")
    await fleet.visit("42")
    command = cloud.command

    async def deletes(*words, **named):
        fleet.store.forget("homes/42/")
        return await command(*words, **named)

    cloud.command = deletes
    errand = Errand("act", {"zone": "default", "action": "on"})
    with pytest.raises(UnknownHomeError):
        await fleet.visit("42", errand=errand)
    assert fleet.store.keys_with("homes/42/") == []
    assert fleet.store.keys_with("homes/7/") == ["homes/7/settings"]


async def test_a_home_of_five_megabytes_of_state_is_visited_as_any_other(fleet):
    """What nobody of this version knows of it stays, and holds up no other home."""
    fleet.add("42")
    fleet.add("7")
    await fleet.visit("42")
    view = HomeStore(fleet.store, "42")
    view.update("state", lambda state: state | {"host_notes": "n" * 5_000_000})
    fleet.clock.advance(300)
    large, small = await asyncio.gather(fleet.visit("42"), fleet.visit("7"))
    assert (large.status, small.status) == ("ok", "ok")
    fleet.clock.advance(300)
    await fleet.visit("42")
    assert view.get(LEFT)["status"] == "ok"


async def test_what_is_wrong_with_settings_is_left_in_every_language(fleet):
    fleet.add("42", mode="wintry")
    await fleet.visit("42")
    problem = unpacked(HomeStore(fleet.store, "42").get(LEFT)["problem"])
    told = {}
    for language in ("en", "fr", "ja", "de"):
        with speaking(language):
            told[language] = error_words(problem)
    assert "wintry" in told["en"]
    assert len(set(told.values())) == len(told)


async def test_two_homes_with_the_same_devices_count_the_calls_of_their_account_once(
    fleet,
):
    """And neither takes what the other commanded for its own."""
    fleet.add("1", 17.5)
    fleet.add("2", 17.5)
    cloud = fleet.clouds["2"] = fleet.clouds["1"]
    visits = await asyncio.gather(fleet.visit("1"), fleet.visit("2"))
    assert [visit.status for visit in visits] == ["ok", "ok"]
    assert [visit.commands for visit in visits] == [1, 1]
    assert len(cloud.words) == 2
    states = [HomeStore(fleet.store, home).get("state") for home in "12"]
    assert [state["assumed_aircon_power"] for state in states] == ["on", "on"]
