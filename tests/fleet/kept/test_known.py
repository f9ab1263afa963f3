"""Settings that were read once, for all visits of a process."""

import pytest

from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.kept.known import KnownSettings
from switchbot_automation.settings import parse_settings
from switchbot_store import HomeStore
from tests.engine.conftest import WINTER_ROOM


def rooms(count):
    return [
        WINTER_ROOM | {"meter_device_id": f"METER{number}"} for number in range(count)
    ]


def test_they_are_what_reading_them_gives_and_never_more_than_so_many():
    known = KnownSettings(10)
    for _ in range(3):
        for document in rooms(40):
            assert known(document) == parse_settings(document)
            assert known(document) is known(dict(document))
            assert len(known) <= 10


def test_homes_in_turn_are_known_as_far_as_there_is_room():
    """Though each time around the one wanted next was used longest ago."""
    known, documents = KnownSettings(20), rooms(25)
    before = [known(document) for document in documents]
    hits = 0
    for _ in range(8):
        found = [known(document) for document in documents]
        hits += sum(a is b for a, b in zip(found, before, strict=True))
        before = found
    assert hits > 0.4 * 8 * 25


def test_what_cannot_be_used_is_refused_each_time():
    known = KnownSettings()
    for _ in range(2):
        with pytest.raises(SettingsError):
            known({"no_such_key": 1})
    assert len(known) == 0


def test_a_large_document_is_read_each_time():
    known = KnownSettings()
    large = {"zones": {f"z{number}": WINTER_ROOM for number in range(60)}}
    assert known(large) == parse_settings(large)
    assert len(known) == 0


async def test_a_change_of_a_home_counts_from_its_next_visit(fleet):
    cloud = fleet.add("42", 17.5)
    await fleet.visit("42")
    assert len(cloud.words) == 1
    await fleet.visit("42")
    home = HomeStore(fleet.store, "42")
    home.update("settings", lambda found: found | {"automation_enabled": False})
    found = await fleet.visit("42")
    assert len(fleet.place.known) == 2
    assert found.outcome == "disabled"
