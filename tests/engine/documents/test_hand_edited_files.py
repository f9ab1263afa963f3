"""Documents that a person edits in an editor, with a mistake: rooms are kept all the same."""

import json
import logging

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.model import Remote
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
        good = json.loads(path.read_text())
        if slip == "comma":
            text = mistype(path)
        else:
            path.write_text(path.read_text().replace('"mode"', '"mood"'))
        await house.tick(21.0, after=600)
        sent = len(house.cloud.words)
        command = await house.engine.act("default", "quick_off")
        assert command.status == "accepted"
        assert house.cloud.words[sent:] == ["turnOff"]
        assert (await house.tick(15.0, after=600)).outcome == "disabled"
        restarted(house, directory)
        assert (await house.tick(15.0, after=600)).outcome == "disabled"
        assert house.cloud.words[sent:] == ["turnOff"]
        if slip == "comma":
            assert path.read_text() == text
            assert [each.code for each in command.reasons][-1] == "store_unavailable"
            path.write_text(json.dumps(good))
        else:
            document = json.loads(path.read_text())
            assert document["automation_enabled"] is False
            document["mode"] = document.pop("mood")
            path.write_text(json.dumps(document))
        for _ in range(2):
            assert (await house.tick(15.0, after=600)).outcome == "disabled"
        assert json.loads(path.read_text())["automation_enabled"] is False
        assert (await house.engine.health())["settings_error"] is None
        path.write_text(json.dumps(good))
        assert (await house.tick(15.0, after=600)).outcome == "winter_on"

    async def test_off_and_on_again_before_the_next_look_is_on(self, house):
        await house.tick(21.0)
        before = house.store.get("settings")
        await house.engine.act("default", "quick_off")
        await house.engine.apply_settings(before)
        assert (await house.tick(19.0, after=600)).outcome == "winter_on"


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
