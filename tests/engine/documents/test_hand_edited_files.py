"""Documents that a person edits in an editor, with a mistake: rooms are kept all the same."""

import json
import logging
from contextlib import suppress
from functools import partial

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import SettingsError
from switchbot_automation.model import ManualAction, Remote
from switchbot_store import JsonStore, StoreDataError
from tests.engine.conftest import WINTER_ROOM

FAN = "02-202008110034-99"


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "config"


@pytest.fixture
def house(house, directory):
    """The house with its documents in files."""
    house.store = JsonStore(directory)
    house.configure()
    house.remember(assumed_aircon_power="off")
    house.restarted()
    with house.store:
        yield house


def restarted(house, directory):
    """Return a new engine on a new store, as another process would have them."""
    house.store.close()
    house.store = JsonStore(directory)
    return house.restarted()


def mistype(path):
    """Forget the first comma; return the text."""
    text = path.read_text().replace(",", "", 1)
    path.write_text(text)
    return text


def place_of(text):
    with pytest.raises(json.JSONDecodeError) as slip:
        json.loads(text)
    return f"line {slip.value.lineno} column {slip.value.colno}"


class TestSettings:
    async def test_the_last_good_ones_stay_in_force_until_it_is_mended(
        self, house, directory, caplog
    ):
        path = directory / "settings.json"
        house.configure(automation_enabled=False)  # an older generation
        await house.tick(21.0)
        house.configure()
        await house.tick(21.0, after=60)
        good = path.read_text()
        text = mistype(path)
        told = []
        house.engine.subscribe(told.append)
        assert (await house.tick(19.0, after=60)).outcome == "winter_on"
        assert (await house.tick(23.0, after=600)).outcome == "winter_off"
        assert path.read_text() == text
        assert [each.kind for each in told].count("config_rejected") == 1
        where = f"{path}: {place_of(text)}: "
        health = await house.engine.health()
        assert health["status"] == "degraded"
        assert health["settings_error"].startswith(where)
        assert health["store"]["reachable"] is True
        assert health["store"]["problems"] == [health["settings_error"]]
        assert house.engine.overview()["settings_error"] == health["settings_error"]
        errors = [each for each in caplog.records if each.levelno >= logging.ERROR]
        assert [where in each.getMessage() for each in errors] == [True]
        path.write_text(good)
        await house.tick(21.0, after=600)
        health = await house.engine.health()
        assert (health["status"], health["settings_error"]) == ("ok", None)
        assert health["store"]["problems"] == []
        assert house.engine.overview()["settings_error"] is None

    async def test_also_across_a_restart(self, house, directory):
        path = directory / "settings.json"
        await house.tick(21.0)
        text = mistype(path)
        engine = restarted(house, directory)
        assert (await house.tick(19.0, after=60)).outcome == "winter_on"
        health = await engine.health()
        assert health["status"] == "degraded"
        assert place_of(text) in health["settings_error"]
        assert path.read_text() == text

    async def test_a_good_edit_just_before_the_bad_one_counts(self, house, directory):
        path = directory / "settings.json"
        await house.tick(21.0)
        path.write_text(path.read_text().replace("20.0", "18.0"))
        house.store.get("settings")  # as the command line would
        mistype(path)
        assert (await house.tick(19.0, after=60)).outcome == "no_action"
        restarted(house, directory)
        assert (await house.tick(19.0, after=60)).outcome == "no_action"

    async def test_where_the_store_knows_no_good_one_the_engine_does(
        self, house, directory
    ):
        """As after an upgrade from a version that kept no copy."""
        path = directory / "settings.json"
        house.configure(automation_enabled=False)
        await house.tick(21.0)
        house.configure()
        await house.tick(21.0, after=60)
        for previous in (True, False):
            (directory / ".settings.good").unlink(missing_ok=True)
            if not previous:
                (directory / "settings.json.previous").unlink()
            text = mistype(path)
            house.store.close()
            restarted(house, directory)
            await house.tick(21.0, after=600)
            assert (await house.tick(19.0, after=600)).outcome == "winter_on"
            await house.tick(23.0, after=600)
            assert place_of(text) in (await house.engine.health())["settings_error"]

    async def test_without_anything_good_nothing_is_turned_on(self, house, directory):
        path = directory / "settings.json"
        for name in ("settings.json.previous", ".settings.good"):
            (directory / name).unlink(missing_ok=True)
        text = mistype(path)
        engine = restarted(house, directory)
        assert (await house.tick(10.0)).outcome == "invalid_settings"
        health = await engine.health()
        assert health["status"] == "error"
        assert place_of(text) in health["settings_error"]

    async def test_a_document_the_schema_refuses_is_treated_alike(
        self, house, directory
    ):
        path = directory / "settings.json"
        await house.tick(21.0)
        text = path.read_text().replace('"mode"', '"mood"')
        path.write_text(text)
        for _ in range(2):
            engine = restarted(house, directory)
            await house.tick(21.0, after=600)
            assert (await house.tick(19.0, after=600)).outcome == "winter_on"
            await house.tick(23.0, after=600)
            health = await engine.health()
            assert health["status"] == "degraded"
            assert health["settings_error"].startswith("mood")
        assert path.read_text() == text

    async def test_what_is_set_by_the_api_does_not_go_over_it(self, house, directory):
        path = directory / "settings.json"
        await house.tick(21.0)
        text = mistype(path)
        entry = await house.engine.stored_settings()
        with pytest.raises(StoreDataError, match=place_of(text)):
            await house.engine.apply_settings(
                {**WINTER_ROOM, "hysteresis_celsius": 0.5}, revision=entry.revision
            )
        assert path.read_text() == text


class TestAPersonsOff:
    @pytest.mark.parametrize("slip", ["comma", "schema"])
    async def test_quick_off_holds_across_a_restart_and_the_mending(
        self, house, directory, slip
    ):
        path = directory / "settings.json"
        await house.tick(19.0)
        good = path.read_text()
        mistype(path)
        if slip == "schema":
            path.write_text(good.replace('"mode"', '"mood"'))
        text = path.read_text()
        await house.tick(21.0, after=600)
        sent = len(house.cloud.words)
        command = await house.engine.act("default", "quick_off")
        assert command.status == "accepted"
        assert house.cloud.words[sent:] == ["turnOff"]
        assert (await house.tick(15.0, after=600)).outcome == "disabled"
        restarted(house, directory)
        assert (await house.tick(15.0, after=600)).outcome == "disabled"
        assert house.cloud.words[sent:] == ["turnOff"]
        assert path.read_text() == text
        path.write_text(good)
        for _ in range(2):
            assert (await house.tick(15.0, after=600)).outcome == "disabled"
        assert path.read_text() == good
        assert (await house.engine.health())["settings_error"] is None
        await house.engine.resume("default")
        assert (await house.tick(15.0, after=600)).outcome == "winter_on"
        assert path.read_text() == good

    async def test_why_it_is_off_is_said_with_since_when(self, house):
        await house.engine.act("default", "quick_off")
        await house.tick(15.0, after=600)
        text = (await house.engine.explain()).text
        assert "somebody switched the automation off, since 12:00" in text

    async def test_other_edits_leave_it_off_until_the_file_says_off_and_on(
        self, house, directory
    ):
        path = directory / "settings.json"
        await house.engine.act("default", "quick_off")
        path.write_text(json.dumps({**WINTER_ROOM, "hysteresis_celsius": 0.5}))
        assert (await house.tick(15.0, after=600)).outcome == "disabled"
        restarted(house, directory)
        assert (await house.tick(15.0, after=600)).outcome == "disabled"
        path.write_text(json.dumps({**WINTER_ROOM, "automation_enabled": False}))
        assert (await house.tick(15.0, after=600)).outcome == "disabled"
        path.write_text(json.dumps(WINTER_ROOM))
        assert (await house.tick(15.0, after=600)).outcome == "winter_on"

    async def test_resume_lasts_although_the_file_says_off_until_that_is_changed(
        self, house, directory
    ):
        path = directory / "settings.json"
        off = json.dumps({**WINTER_ROOM, "automation_enabled": False})
        path.write_text(off)
        assert (await house.tick(15.0)).outcome == "disabled"
        await house.engine.resume("default")
        assert (await house.tick(15.0, after=600)).outcome == "winter_on"
        restarted(house, directory)
        await house.tick(21.0, after=600)
        assert house.engine.overview()["zones"][0]["enabled"]
        assert path.read_text() == off
        await house.engine.act("default", "quick_off")
        assert (await house.tick(15.0, after=600)).outcome == "disabled"

    async def test_what_settings_cannot_be_switched_on_is_said(self, house, directory):
        path = directory / "settings.json"
        path.write_text('{"meter_device_id": "M"}')
        await house.tick(15.0)
        with pytest.raises(SettingsError, match="winter"):
            await house.engine.resume("default")
        assert (await house.tick(15.0, after=600)).outcome == "disabled"

    async def test_an_engine_that_leads_heeds_a_button_of_another(
        self, house, directory
    ):
        await house.tick(21.0)
        path = directory / "settings.json"
        text = path.read_text()
        leads = AutomationEngine(house.cloud, JsonStore(directory), clock=house.clock)
        async with leads:
            await leads.run_once()
            await house.engine.run_once()
            for word, outcome in (("off", "disabled"), ("on", "winter_on")):
                if word == "off":
                    await house.engine.act("default", "quick_off")
                else:
                    await house.engine.resume("default")
                house.clock.advance(600)
                house.cloud.temperature = 15.0
                assert (await leads.run_once()).outcome == outcome
        assert path.read_text() == text

    async def test_what_an_older_release_switched_off_stays_off(self, house, directory):
        await house.tick(21.0)
        past = house.store.get("_past/settings")
        house.store.set("_past/settings", {**past, "disabled": ["default"]})
        restarted(house, directory)
        for _ in range(2):
            assert (await house.tick(15.0, after=600)).outcome == "disabled"
            restarted(house, directory)
        assert "disabled" not in house.store.get("_past/settings")
        await house.engine.resume("default")
        assert (await house.tick(15.0, after=600)).outcome == "winter_on"

    @pytest.mark.parametrize(
        ("word", "outcome"),
        [
            ({"on": False, "at": "yesterday"}, "disabled"),
            ({"on": False}, "disabled"),
            ({"on": "no", "at": "2026-01-12T12:00:00+00:00"}, "winter_on"),
            ({"on": True}, "winter_on"),
            (["off"], "winter_on"),
        ],
    )
    async def test_a_damaged_word_that_says_off_is_off(self, house, word, outcome):
        house.remember(assumed_aircon_power="off", automation_switch=word)
        house.restarted()
        await house.tick(21.0)
        assert (await house.tick(15.0, after=600)).outcome == outcome

    async def test_off_and_on_again_before_the_next_look_is_on(self, house):
        await house.tick(21.0)
        before = house.store.get("settings")
        await house.engine.act("default", "quick_off")
        await house.engine.apply_settings(before)
        assert (await house.tick(19.0, after=600)).outcome == "winter_on"


BY_HAND = """{
  "mode": "winter",   "automation_enabled": true,
    "winter": {"max_temp": 22, "min_temp": 20.0, "target_temp": 23},
  "presets": {"away": {"winter": {"min_temp": 16}}},
\t"summer": { "min_temp": 24, "max_temp": 27, "target_temp": 24 },
  "aircon_device_id": "AC", "meter_device_id": "M" }"""


class TestButtons:
    """None writes into a file that a person wrote."""

    @pytest.fixture
    def path(self, house, directory):
        path = directory / "settings.json"
        path.write_text(BY_HAND)
        restarted(house, directory)
        return path

    @pytest.mark.parametrize(
        "press",
        [
            *(
                partial(AutomationEngine.act, zone="default", action=each)
                for each in ManualAction
            ),
            partial(AutomationEngine.hold, zone="default", hold="permanent"),
            partial(AutomationEngine.hold, zone="default", hold="none"),
            partial(AutomationEngine.resume, zone="default"),
            partial(
                AutomationEngine.set_temperature,
                zone="default",
                low=18,
                high=20,
                until="permanent",
            ),
            partial(AutomationEngine.set_preset_mode, zone="default", preset="away"),
        ],
        ids=lambda press: "_".join(
            map(str, (press.func.__name__, press.keywords.get("action", "")))
        ),
    )
    @pytest.mark.parametrize("quick_off_before", [False, True])
    async def test_the_file_stays_byte_for_byte(
        self, house, directory, path, press, quick_off_before
    ):
        await house.tick(21.0)
        refused = ()
        if quick_off_before:
            await house.engine.act("default", "quick_off")
            refused = ValueError  # what is wanted of a room that nobody looks after
        with suppress(refused):
            await press(house.engine)
        for temperature in (15.0, 26.0, 15.0):
            await house.tick(temperature, after=600)
        restarted(house, directory)
        await house.tick(15.0, after=600)
        assert path.read_bytes() == BY_HAND.encode()
        found = [each.name for each in directory.glob("settings.json*")]
        assert found == ["settings.json"]


class TestStates:
    async def test_the_room_is_kept_and_nothing_is_forgotten(self, house, directory):
        house.configure(min_off_seconds=600)
        path = directory / "state.json"
        await house.tick(21.0)
        assert (await house.tick(19.0, after=900)).outcome == "winter_on"
        text = mistype(path)
        assert (await house.tick(23.0, after=900)).outcome == "winter_off"
        assert path.read_text() == text
        health = await house.engine.health()
        assert health["status"] == "degraded"
        (problem,) = health["document_problems"]
        assert problem.startswith(f"{path}: {place_of(text)}: ")
        assert house.engine.overview()["document_problems"] == [problem]
        assert health["store"]["reachable"] is True
        # Of when it went off the file says nothing; a restart knows all the same.
        restarted(house, directory)
        assert (await house.tick(19.0, after=60)).outcome == "cooldown"
        assert (await house.tick(19.0, after=600)).outcome == "winter_on"
        assert path.read_text() == text
        for _ in range(4):  # after which nothing but this very state is expected
            await house.tick(21.0, after=60)
        before = house.state
        mended = {**before, "written_by": "a person"}
        path.write_text(json.dumps(mended))
        await house.tick(21.0, after=60)
        assert (await house.engine.health())["document_problems"] == []
        state = json.loads(path.read_text())
        assert state["written_by"] == "a person"
        # What happened meanwhile is joined with what the person wrote.
        assert state["compressor_started_at"] > before["compressor_started_at"]
        assert state["last_action_at"] > before["last_action_at"]

    async def test_what_was_kept_beside_is_not_taken_for_newer_later(
        self, house, directory
    ):
        path = directory / "state.json"
        await house.tick(21.0)
        mistype(path)
        await house.tick(21.1, after=60)
        path.write_text(json.dumps({**house.state, "written_by": "a person"}))
        await house.tick(21.2, after=60)
        mistype(path)
        restarted(house, directory)
        await house.tick(21.3, after=60)
        beside = house.store.get("_beside/state")["document"]
        assert beside["written_by"] == "a person"

    async def test_a_slip_between_a_look_and_a_command_stops_nothing(
        self, house, directory, monkeypatch
    ):
        path = directory / "state.json"
        await house.tick(21.0)
        texts = []
        status = house.cloud.status

        async def edited_meanwhile(device_id):
            if not texts:
                texts.append(mistype(path))
            return await status(device_id)

        monkeypatch.setattr(house.cloud, "status", edited_meanwhile)
        assert (await house.tick(19.0, after=60)).outcome == "winter_on"
        assert path.read_text() == texts[0]
        restarted(house, directory)
        assert (await house.tick(19.0, after=60)).outcome == "no_action"

    async def test_two_engines_still_command_once(self, house, directory):
        path = directory / "state.json"
        await house.tick(21.0)
        mistype(path)
        other = AutomationEngine(house.cloud, JsonStore(directory), clock=house.clock)
        house.clock.advance(60)
        house.cloud.temperature = 19.0
        async with other:
            await other.run_once()
            await house.engine.run_once()
        assert len(house.cloud.words) == 1

    async def test_a_state_that_was_never_good_starts_anew(self, house, directory):
        path = directory / "state.json"
        for old in directory.glob("*state*"):
            old.unlink()
        path.write_text("{oops")
        restarted(house, directory)
        await house.tick(21.0)
        assert (await house.tick(19.0, after=600)).outcome == "winter_on"
        restarted(house, directory)
        assert (await house.tick(19.0, after=60)).outcome == "no_action"
        assert path.read_text() == "{oops"


async def test_rules_go_on_beside_a_document_of_theirs_that_is_bad(house, directory):
    rule = {
        "id": "cold",
        "triggers": {"trigger": "numeric_state", "zone": "default", "below": 20},
        "actions": [
            {"action": "command", "device": FAN, "command": "turnOff"},
            {"action": "delay", "for": {"minutes": 5}},
            {"action": "command", "device": FAN, "command": "turnOff"},
        ],
    }
    house.configure(rules=[rule], automation_enabled=False)
    house.cloud.remotes = (Remote(FAN, "Cooler", "Air Conditioner", None),)
    path = directory / "rules_state.json"
    path.write_text('{"oops"')
    await house.tick(21.0)
    await house.tick(19.0, after=300)
    assert house.cloud.words == ["turnOff"]
    restarted(house, directory)  # which has to know of the delay
    await house.tick(19.0, after=400)
    await house.tick(19.0, after=400)
    assert house.cloud.words == ["turnOff", "turnOff"]
    assert path.read_text() == '{"oops"'
    (problem,) = (await house.engine.health())["document_problems"]
    assert problem.startswith(f"{path}: line 1 column 8: ")
