"""A store that does not take part: the room is still looked after."""

import errno
import os

from switchbot_automation.languages import speaking
from switchbot_store import FailoverStore, MemoryStore, StoreUnavailableError


class Switch:
    """Cuts a store off, wholly or for some methods, and joins it again."""

    METHODS = ("get_many", "get_entry", "get", "set_many", "compare_and_set", "update")

    def __init__(self, store):
        self.store = store

    def off(self, *methods, error=None):
        failure = error or StoreUnavailableError("the database is away")

        def away(*_args):
            raise failure

        for name in methods or self.METHODS:
            setattr(self.store, name, away)

    def on(self):
        for name in self.METHODS:
            self.store.__dict__.pop(name, None)


def codes(report):
    (decision,) = report.decisions
    return [str(reason.code) for reason in decision.reasons]


async def test_an_outage_keeps_the_last_settings_and_state(house):
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    await house.tick(21.0)
    switch = Switch(house.store)
    switch.off()
    assert (await house.tick(21.0, after=60)).outcome == "no_action"
    assert (await house.tick(23.0, after=60)).outcome == "winter_off"
    assert (await house.tick(23.0, after=60)).outcome == "already_off"
    assert house.cloud.words == ["turnOff"]


async def test_what_was_done_during_an_outage_is_stored_when_it_ends(house):
    house.configure(min_off_seconds=600)
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    await house.tick(21.0)
    switch = Switch(house.store)
    switch.off()
    await house.tick(23.0, after=60)
    switch.on()
    await house.tick(21.0, after=60)
    assert house.state["assumed_aircon_power"] == "off"
    assert house.state["compressor_stopped_at"] == "2026-01-12T12:01:00+00:00"
    house.restarted()
    assert (await house.tick(19.0, after=60)).outcome == "cooldown"


async def test_an_outage_and_another_writer_join_to_the_later_command(house):
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    await house.tick(21.0)
    switch = Switch(house.store)
    switch.off()
    await house.tick(23.0, after=60)
    switch.on()
    house.store.set("state", {**house.state, "written_by": "dashboard"})
    await house.tick(21.0, after=60)
    assert house.state["assumed_aircon_power"] == "off"
    assert house.state["written_by"] == "dashboard"


async def test_on_waits_for_the_store_and_is_sent_when_it_is_back(house):
    house.remember(assumed_aircon_power="off")
    await house.tick(21.0)
    switch = Switch(house.store)
    switch.off()
    report = await house.tick(19.0, after=60)
    assert report.commands[0].status == "blocked"
    assert "store_unavailable" in codes(report)
    switch.on()
    assert (await house.tick(19.0, after=60)).outcome == "winter_on"


async def test_a_store_away_at_the_start_means_no_command_and_no_crash(house):
    Switch(house.store).off()
    report = await house.tick(10.0)
    assert report.outcome == "invalid_settings"
    assert codes(report) == ["settings_unavailable"]
    assert house.cloud.calls == []
    assert report.next_wakeup > house.clock.now()


async def test_a_store_away_at_the_start_is_used_as_soon_as_it_is_back(house):
    house.remember(
        assumed_aircon_power="off", compressor_stopped_at="2026-01-12T11:59:00+00:00"
    )
    house.configure(min_off_seconds=300)
    switch = Switch(house.store)
    switch.off()
    await house.tick()
    switch.on()
    assert (await house.tick(19.0, after=60)).outcome == "cooldown"


async def test_any_exception_of_a_hosts_own_store_is_an_outage(house):
    await house.tick(21.0)
    Switch(house.store).off(error=KeyError("a bug of the host's"))
    assert (await house.tick(21.0, after=60)).outcome == "no_action"


async def test_the_outage_and_its_end_are_told_once_each(house):
    told = []
    house.engine.subscribe(lambda event: told.append(event.kind))
    switch = Switch(house.store)
    await house.tick(21.0)
    for _tick in range(3):
        switch.off()
        await house.tick(21.0, after=60)
    switch.on()
    for _tick in range(3):
        await house.tick(21.0, after=60)
    changes = [kind for kind in told if kind.startswith("store_")]
    assert changes == ["store_degraded", "store_recovered"]


async def test_a_write_that_fails_is_made_up_for_by_the_next_tick(house):
    switch = Switch(house.store)
    switch.off("set_many")
    await house.tick(21.5)
    assert house.state == {}
    switch.on()
    await house.tick(21.5, after=60)
    assert house.state["last_temperature"] == 21.5


async def test_settings_that_turn_bad_leave_the_last_good_ones_in_force(house):
    told = []
    house.engine.subscribe(told.append)
    await house.tick(21.0)
    house.store.set("settings", {"automation_enabled": "perhaps"})
    house.remember(assumed_aircon_power="off")
    assert (await house.tick(19.0, after=60)).outcome == "winter_on"
    (rejected,) = [event for event in told if event.kind == "config_rejected"]
    assert rejected.path == "automation_enabled"
    health = await house.engine.health()
    assert health["status"] == "degraded"
    assert "automation_enabled" in health["settings_error"]
    house.configure()
    await house.tick(21.0, after=60)
    assert (await house.engine.health())["settings_error"] is None


async def test_settings_that_are_gone_leave_the_last_good_ones_in_force(house):
    await house.tick(21.0)
    house.store.delete("settings")
    for restarted in (False, True):
        if restarted:
            house.restarted()
        house.remember(assumed_aircon_power="off")
        assert (await house.tick(19.0, after=600)).outcome == "winter_on"
        health = await house.engine.health()
        assert health["status"] == "degraded"
        assert "no settings any more" in health["settings_error"]
    house.configure(automation_enabled=False)
    assert (await house.tick(19.0, after=600)).outcome != "winter_on"
    assert (await house.engine.health())["settings_error"] is None


async def test_settings_that_were_never_good_mean_no_command(house):
    house.store.set("settings", {"mode": "autumn"})
    report = await house.tick(10.0)
    assert report.outcome == "invalid_settings"
    assert codes(report) == ["settings_invalid"]
    assert dict(report.decisions[0].reasons[0].detail) == {"path": "mode"}
    assert house.cloud.words == []
    assert (await house.engine.health())["status"] == "error"


async def test_settings_are_parsed_once_a_revision(house, monkeypatch):
    parsed = []
    life = house.engine._documents.life
    parse = life.parse

    def counting(document):
        parsed.append(document)
        return parse(document)

    monkeypatch.setattr(life, "parse", counting)
    for _tick in range(5):
        await house.tick(21.0, after=60)
    assert len(parsed) == 1
    house.configure(hysteresis_celsius=0.5)
    await house.tick(21.0, after=60)
    assert len(parsed) == 2


async def test_a_new_zone_in_the_settings_starts_from_its_own_stored_state(house):
    await house.tick(21.0)
    house.store.set("state/attic", {"assumed_aircon_power": "off"})
    house.configure(zones={"attic": {"fan_mode_during_window": True}})
    report = await house.tick(21.0, after=60)
    assert report.outcome == "fan_neutral_zone"


async def test_a_history_that_fails_does_not_stop_a_tick(house):
    class BrokenHistory:
        async def record(self, sample):
            raise OSError("no space left")

    house.restarted(history=BrokenHistory())
    house.remember(assumed_aircon_power="off")
    assert (await house.tick(19.0)).outcome == "winter_on"
    assert "no space left" in (await house.engine.health())["history_error"]


async def test_a_database_that_was_lost_is_told_with_the_one_command(house, tmp_path):
    """Page, health and `status` say it; the settings stay in force."""
    with FailoverStore(MemoryStore(), tmp_path, background=False) as former:
        former.set("settings", house.store.get("settings"))
    emptied = MemoryStore()
    with FailoverStore(emptied, tmp_path, background=False) as store:
        settings = house.store.get("settings")
        house.store = store
        house.restarted()
        await house.tick(21.0)
        (told,) = house.engine.overview()["store_problems"]
        assert "settings" in told
        assert "`switchbot-store conflicts restore`" in told
        with speaking("de"):
            (words,) = house.engine.overview()["store_problems"]
            assert words.startswith("Die Datenbank hat ")
        health = await house.engine.health()
        assert health["status"] == "degraded"
        assert health["store"]["left_over"] == ["settings"]
        assert health["store"]["warnings"] == [told]
        assert house.engine.overview()["zones"][0]["mode"] == "winter"
        emptied.set("settings", settings)  # as that command does
        await house.tick(21.0, after=60)
        assert house.engine.overview()["store_problems"] == []


async def test_a_local_disk_that_refuses_is_told(house, tmp_path, monkeypatch):
    with FailoverStore(MemoryStore(), tmp_path, background=False) as store:
        house.store = store
        house.configure()
        house.restarted()
        await house.tick(21.0)
        assert (await house.engine.health())["store"]["journal"] == "held"

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            await house.tick(19.0, after=60)
        health = await house.engine.health()
        assert health["status"] == "degraded"
        assert health["store"]["journal"] == "broken"
        assert "No space left" in health["store"]["local_error"]
        assert "No space left" in house.engine.overview()["store_problems"][0]


class Away(MemoryStore):
    """A database that a host never reached."""

    def open(self):
        raise StoreUnavailableError("the database is away")


async def test_from_a_copy_that_may_be_old_a_unit_is_turned_off_and_not_on(
    house, tmp_path
):
    """The disk was full when the program ended, and the database is away at its start."""
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    with FailoverStore(MemoryStore(), tmp_path, background=False) as former:
        for key in sorted(house.store.keys()):
            former.set(key, house.store.get(key))
    (tmp_path / ".mirror" / "current").unlink()
    with FailoverStore(Away(), tmp_path, background=False) as store:
        house.store = store
        house.restarted()
        await house.tick(23.0)
        assert house.cloud.words == ["turnOff"]
        health = await house.engine.health()
        assert health["status"] == "degraded"
        assert health["store"]["behind"] is True
        assert any("older than" in each for each in health["store"]["warnings"])
        await house.tick(15.0, after=7200)
        assert house.cloud.words == ["turnOff"]
        assert (await house.engine.act("default", "quick_off")).status == "accepted"
