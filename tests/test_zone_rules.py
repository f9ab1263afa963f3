"""Which rules of the timezones count, of the operating system's and the package's."""

import copy
import pickle
import zoneinfo
from datetime import UTC, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import pytest
import tzdata
from click.testing import CliRunner

from switchbot_automation import AutomationEngine, parse_settings
from switchbot_automation.cli.app import application
from switchbot_automation.schedule.windows import next_start
from switchbot_automation.simulation import SimulatedClock, SimulatedHome
from switchbot_store import (
    HistorySample,
    HistoryService,
    MemoryStore,
    SqliteHistory,
)
from switchbot_store import (
    zone_rules as rules,
)
from switchbot_store.doctor import examine
from switchbot_store.zone_rules import differs_from, zone_of, zone_rules

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DOCUMENT = {
    "timezone": "Europe/Paris",
    "time_windows": [{"days": [0, 1, 2, 3, 4, 5, 6], "start": "07:00", "end": "09:00"}],
}
NEWER, OLDER = "2099a", "2001c"


def rules_of(name):
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Return what makes an operating system with one zone by the rules of another."""
    before = zoneinfo.TZPATH

    def made(version, *, file="tzdata.zi", **zones):
        # Rules are read once: another system is another place.
        place = tmp_path / f"zoneinfo{len(list(tmp_path.glob('zoneinfo*')))}"
        for name, like in zones.items():
            path = place / "Europe" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(rules_of(like))
        if version:
            (place / file).write_text(f"# version {version}\n")
        zoneinfo.reset_tzpath(to=[place])
        # A class of its own has a cache of its own: emptying the common one would make
        # the timezones of other tests unequal to the program's.
        monkeypatch.setattr(rules, "ZoneInfo", type("Fresh", (ZoneInfo,), {}))

    yield made
    zoneinfo.reset_tzpath(to=before)


def test_a_timezone_is_the_hosts_even_after_its_cache_was_emptied():
    held = zone_of("Asia/Kathmandu")
    ZoneInfo.clear_cache(only_keys=["Asia/Kathmandu"])
    again = ZoneInfo("Asia/Kathmandu")
    assert zone_of("Asia/Kathmandu") is again is not held


def hours(name, at=NOW):
    return at.astimezone(zone_of(name)).utcoffset() / timedelta(hours=1)


@pytest.mark.parametrize("file", ["tzdata.zi", "+VERSION"])
def test_the_newer_rules_count(system, file):
    system(OLDER, file=file, Paris="Asia/Tokyo")
    assert (zone_rules().system, zone_rules().in_use) == (OLDER, "tzdata")
    assert hours("Europe/Paris") == 1
    assert zone_of("Europe/Paris") is zone_of("Europe/Paris")
    assert tzdata.IANA_VERSION in str(zone_rules())


def test_also_those_of_the_operating_system(system):
    system(NEWER, Paris="Asia/Tokyo")
    assert zone_rules().in_use == "system"
    assert hours("Europe/Paris") == 9
    assert hours("Europe/Berlin") == 1  # which only the package has


def test_rules_of_an_unknown_release_are_not_preferred(system):
    system(None, Paris="Asia/Tokyo")
    assert (zone_rules().system, zone_rules().in_use) == (None, "tzdata")
    assert hours("Europe/Paris") == 1


def test_where_both_agree_the_timezone_is_the_one_that_everybody_has(system):
    system(OLDER, Paris="Europe/Paris", Berlin="Europe/Paris")
    assert zone_of("Europe/Paris") is rules.ZoneInfo("Europe/Paris")
    assert differs_from("Europe/Paris", NOW) is None


def test_one_that_differs_is_named_copied_and_pickled_like_others(system):
    system(OLDER, Paris="Asia/Tokyo")
    zone = zone_of("Europe/Paris")
    assert (zone.key, str(zone)) == ("Europe/Paris", "Europe/Paris")
    assert copy.deepcopy(zone) is zone
    assert pickle.loads(pickle.dumps(zone)) is zone


@pytest.mark.parametrize("name", ["Europe/Nowhere", "", "../../etc/passwd", "/etc"])
def test_what_is_no_timezone_is_refused_as_ever(system, name):
    system(OLDER, Paris="Asia/Tokyo")
    with pytest.raises((KeyError, ValueError, OSError)):
        zone_of(name)


def test_when_they_differ_is_told_to_the_second(system):
    # The same clock until the summer comes, an hour further east.
    system(OLDER, Paris="Africa/Lagos")
    assert differs_from("Europe/Paris", NOW) == datetime(2027, 3, 28, 1, tzinfo=UTC)
    system(OLDER, Paris="Asia/Tokyo")
    assert differs_from("Europe/Paris", NOW) == NOW.replace(hour=0)


@pytest.mark.parametrize("version", [OLDER, NEWER])
def test_windows_and_buckets_read_the_same_clock(system, version):
    system(version, Paris="Asia/Tokyo")
    zone = parse_settings(DOCUMENT).default
    start = next_start(zone.time_windows, NOW, zone.timezone)
    assert start.hour == (6 if version == OLDER else 22)
    with HistoryService(SqliteHistory(":memory:"), now=lambda: NOW) as history:
        history.record(HistorySample(start, temperature=20.0))
        (day,) = (
            history.query(
                start - timedelta(days=2), start, bucket="day", timezone="Europe/Paris"
            ).rows
            or [None] * 1
        )
        assert day is None
        (day,) = history.query(
            start, start + timedelta(hours=1), bucket="day", timezone="Europe/Paris"
        ).rows
    assert start - day["timestamp"] == timedelta(hours=7)


def test_the_check_of_the_settings_names_a_zone_that_is_read_otherwise(
    system, tmp_path
):
    path = tmp_path / "settings.json"
    path.write_text('{"timezone": "Europe/Paris"}')
    system(OLDER, Paris="Asia/Tokyo")
    done = CliRunner().invoke(application, ["check-config", str(path)])
    assert done.exit_code == 0
    assert "Europe/Paris is read by tzdata" in done.stderr
    assert tzdata.IANA_VERSION in done.stdout
    system(OLDER, Paris="Europe/Paris")
    done = CliRunner().invoke(application, ["check-config", str(path)])
    assert "is read by" not in done.stderr


async def test_health_names_the_rules_and_a_zone_that_is_read_otherwise(system):
    system(OLDER, Paris="Asia/Tokyo")
    clock = SimulatedClock(NOW)
    store = MemoryStore(now=clock.now)
    store.set("settings", DOCUMENT)
    home = SimulatedHome(clock=clock)
    async with AutomationEngine(home, store, clock=clock) as engine:
        await engine.run_once()
        rules = (await engine.health())["zone_rules"]
    assert rules["in_use"] == "tzdata"
    assert (rules["system"], rules["tzdata"]) == (OLDER, tzdata.IANA_VERSION)
    assert list(rules["differs_from"]) == ["Europe/Paris"]


def test_doctor_names_the_rules_and_a_zone_that_is_read_otherwise(
    system, tmp_path, monkeypatch
):
    monkeypatch.setenv("STORE_BACKEND", "json")
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path))
    with HistoryService(SqliteHistory(tmp_path / "history.sqlite3")) as history:
        history.record(HistorySample(datetime.now(UTC), timezone="Europe/Paris"))
        history.record(HistorySample(datetime.now(UTC), "x", timezone="no zone"))
    system(OLDER, Paris="Asia/Tokyo")
    found = {
        (each.level, each.message) for each in examine() if each.check == "zone rules"
    }
    assert ("ok", str(zone_rules())) in found
    ((_, message),) = [each for each in found if each[0] == "warning"]
    assert "Europe/Paris" in message
    system(OLDER, Paris="Europe/Paris")
    assert {each.level for each in examine() if each.check == "zone rules"} == {"ok"}
