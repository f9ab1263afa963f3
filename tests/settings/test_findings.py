"""What a document says that can be read and should not be written so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation import AutomationEngine
from switchbot_automation.errors import SettingsError
from switchbot_automation.model import Device, DeviceList, Remote, Scene
from switchbot_automation.plugins import API_VERSION, Plugin, registry
from switchbot_automation.settings.account import account_findings
from switchbot_automation.settings.findings import findings
from switchbot_automation.settings.read import (
    check_settings,
    parse_settings,
    read_settings,
)
from switchbot_automation.simulation import SimulatedHome, default_settings
from switchbot_store import MemoryStore

BASE = default_settings("winter")
EVERY_DAY = list(range(7))
MORNING = {"days": EVERY_DAY, "start": "06:00", "end": "12:00"}
AWAY = {
    **MORNING,
    "from": "2026-02-01",
    "until": "2026-02-14",
    "preset": "away",
    "id": "trip",
}
PRESETS = {"away": {"winter": {"min_temp": 12, "max_temp": 15, "target_temp": 16}}}


def winter(**profile):
    return BASE | {"winter": BASE["winter"] | profile}


def found(document):
    return findings(document, read_settings)


def paths(errors):
    return [error.path for error in errors]


def frost(target):
    preset = {"winter": {"min_temp": 10, "max_temp": 12, "target_temp": target}}
    return BASE | {"preset": "frost", "presets": {"frost": preset}}


@pytest.mark.parametrize("target", [10, 12, 15.9, 30.1, 35])
def test_a_setpoint_that_no_unit_takes_is_refused_where_it_is_written(target):
    assert paths(check_settings(winter(target_temp=target))) == ["winter.target_temp"]
    path = "presets.frost.winter.target_temp"
    assert paths(check_settings(frost(target))) == [path]
    assert (
        parse_settings(winter(target_temp=target)).default.winter.target_temp == target
    )


@given(st.floats(10, 35))
def test_it_is_refused_exactly_where_it_would_be_sent_otherwise(target):
    refused = bool(check_settings(winter(target_temp=target)))
    assert refused is not (16 <= target <= 30)


def test_what_is_not_sent_may_be_anything():
    by_scene = {"aircon_device_id": "", "aircon_scenes": {"winter": "S1", "off": "S2"}}
    assert check_settings(winter(target_temp=12) | by_scene) == []


def test_a_zones_own_setpoint_is_named_in_the_zone():
    document = BASE | {"zones": {"den": {"winter": {"target_temp": 12}}, "hall": {}}}
    assert paths(check_settings(document)) == ["zones.den.winter.target_temp"]


async def test_it_cannot_be_applied_and_what_is_stored_is_lived_with():
    home, store = SimulatedHome(), MemoryStore()
    store.set("settings", winter(target_temp=12))
    async with AutomationEngine(home, store, clock=home.clock) as engine:
        await engine.run_once()
        assert (await engine.health())["settings_error"] is None
        with pytest.raises(SettingsError, match="write 16"):
            await engine.apply_settings(winter(target_temp=12))


@pytest.mark.parametrize("mode", [0, 1])
def test_a_unit_of_a_group_may_not_choose_its_season(mode):
    rooms = {
        "den": {"aircon_device_id": "A", "winter": {"ac_mode": mode}},
        "hall": {"aircon_device_id": "B"},
    }
    group = {"duct": {"zones": ["den", "hall"]}}
    document = BASE | {"zones": rooms, "groups": group}
    assert paths(check_settings(document)) == ["zones.den.winter.ac_mode"]
    assert check_settings(BASE | {"zones": rooms}) == []
    assert parse_settings(document).groups


@pytest.mark.parametrize(
    ("without", "what"),
    [
        ({"aircon_device_id": ""}, "winter and off"),
        ({"aircon_device_id": "", "aircon_scenes": {"winter": "S1"}}, "off"),
        (
            {"aircon_device_id": "", "buttons": {"winter": "a", "off": "b"}},
            "winter and off",
        ),
        ({"cascade": ["scene"]}, "winter and off"),
    ],
)
def test_a_zone_that_nothing_commands_is_refused(without, what):
    (error,) = found(BASE | without).errors
    assert f"no way to carry out {what};" in str(error)
    for harmless in ({"observe_only": True}, {"automation_enabled": False}):
        assert found(BASE | without | harmless).errors == []


def test_two_zones_on_one_unit_are_refused():
    shared = BASE | {"zones": {"den": {}, "hall": {}}}
    (error,) = found(shared).errors
    assert "'den' and 'hall' would command one unit" in str(error)
    looks_on = {"den": {}, "hall": {"observe_only": True}}
    assert found(BASE | {"zones": looks_on}).errors == []


def test_a_webhook_that_two_zones_share_is_not_shown():
    hook = "https://hooks.example.com/SECRET"
    zones = {name: {"aircon_device_id": name} for name in ("den", "hall")}
    hooks = {"webhooks": {"winter": hook}}
    (error,) = found(BASE | hooks | {"zones": zones}).errors
    assert "one webhook" in str(error)
    assert "SECRET" not in str(error)


@pytest.mark.parametrize(
    ("season", "profile"),
    [
        ("winter", {"min_temp": 24, "max_temp": 25, "target_temp": 19}),
        ("summer", {"min_temp": 20, "max_temp": 22, "target_temp": 26}),
    ],
)
def test_a_band_that_the_setpoint_never_reaches_is_a_warning(season, profile):
    document = default_settings(season) | {season: profile}
    report = found(document)
    assert report.errors == []
    assert paths(report.warnings) == [f"{season}.target_temp"]
    steered = found(document | {"control": "modulate"})
    assert steered.warnings == []


def test_a_vacation_behind_the_window_it_should_replace_is_told_with_the_order():
    document = BASE | {"presets": PRESETS, "time_windows": [MORNING, AWAY]}
    report = found(document)
    assert report.errors == []
    (warning,) = report.warnings
    assert warning.path == "time_windows[1]"
    assert "the order that works: trip, time_windows[0]" in str(warning)
    assert found(document | {"time_windows": [AWAY, MORNING]}).warnings == []


@pytest.mark.parametrize(
    "other",
    [
        {"start": "13:00", "end": "14:00"},
        {"preset": ""},
        {"days": [1], "start": "12:00", "end": "06:00"},
    ],
)
def test_a_vacation_that_nothing_hides_is_not_told_of(other):
    document = BASE | {"presets": PRESETS, "time_windows": [MORNING, AWAY | other]}
    assert found(document).warnings == []


def test_a_vacation_over_midnight_is_hidden_by_the_morning_after():
    night = AWAY | {"days": [6], "start": "22:00", "end": "07:00"}
    document = BASE | {"presets": PRESETS, "time_windows": [MORNING, night]}
    assert paths(found(document).warnings) == ["time_windows[1]"]


def test_a_room_without_hours_is_told_of():
    document = BASE | {"time_windows": []}
    assert paths(found(document).warnings) == ["time_windows"]
    of_zones = BASE | {"time_windows": [MORNING], "zones": {"den": document}}
    assert paths(found(of_zones).warnings) == ["zones.den.time_windows"]
    assert found(document | {"automation_enabled": False}).warnings == []
    only_measured = {"automation_enabled": True, "meter_device_id": "METER"}
    assert found(only_measured | {"winter": BASE["winter"]}).warnings == []


def test_hours_that_cannot_be_read_are_not_missing():
    document = BASE | {"time_windows": [MORNING | {"start": "six"}]}
    assert found(document).warnings == []
    assert paths(found(document).errors) == ["time_windows[0].start"]


def test_every_problem_is_named_in_one_run():
    document = BASE | {
        "mode": "autumn",
        "hysteresys": 1,
        "winter": {"min_temp": 24, "max_temp": 20, "target_temp": 12},
        "groups": {"duct": {"zones": ["attic"]}},
        "zones": {
            "den": {"poll_interval_seconds": "often"},
            "hall": {"preset": "cosy"},
        },
    }
    said = set(paths(found(document).errors))
    assert said >= {
        "mode",
        "hysteresys",
        "winter.min_temp",
        "groups.duct.zones[0]",
        "zones.den.poll_interval_seconds",
        "zones.hall.preset",
    }


def test_what_is_right_beside_something_wrong_is_looked_at_too():
    """All of `winter` was left out for one value that could not be read, and with it the rest."""
    document = BASE | {
        "winter": {"min_temp": 9, "max_temp": 11, "target_temp": 12, "fan_speed": 9},
        "cascade": ["button"],
        "zones": {
            "den": {"winter": {"max_temp": "warm", "target_temp": 40}},
            "hall": {"winter": {"max_temp": 21, "target_temp": 15}},
        },
    }
    report = found(document)
    assert sorted(paths(report.errors)) == [
        "aircon_device_id",  # that of both zones
        "winter.fan_speed",
        "winter.min_temp",
        "zones.den.aircon_device_id",
        "zones.den.winter.max_temp",
        "zones.den.winter.target_temp",
        "zones.hall.aircon_device_id",
    ]
    sent = document | {"cascade": ["command"]}
    assert set(paths(found(sent).errors)) >= {
        "winter.target_temp",
        "zones.hall.winter.target_temp",
    }


@pytest.mark.parametrize("key", ["min_temp", "max_temp", "target_temp", "fan_speed"])
@pytest.mark.parametrize("unit", ["celsius", "fahrenheit"])
def test_a_value_that_cannot_be_read_hides_no_other_problem(unit, key):
    whole = {"min_temp": 20, "max_temp": 22, "target_temp": 21}
    if unit == "fahrenheit":
        whole = {"min_temp": 68, "max_temp": 72, "target_temp": 70}
    document = BASE | {"unit": unit, "aircon_device_id": ""}
    document |= {"summer": whole, "winter": {**whole, key: "x"}}
    found_at = paths(found(document).errors)
    assert f"winter.{key}" in found_at
    assert "aircon_device_id" in found_at
    assert len(found_at) == 2


@given(
    st.dictionaries(
        st.sampled_from(
            ["mode", "poll_interval_seconds", "aircon_device_id", "presets", "winter",
             "time_windows", "zones", "cascade", "latitude"]
        ),
        st.sampled_from([None, 7, "x", [], {}, {"a": 1}]),
    )
)  # fmt: skip
def test_a_document_wrong_in_many_places_says_at_least_what_reading_it_says(wrong):
    document = BASE | wrong
    report = found(document)
    assert {str(each) for each in check_settings(document)} <= {
        str(each) for each in report.errors
    }


# --- with the account's lists -----------------------------------------------------------

METER = Device("M1", "Meter", "Meter", None, cloud_service=True)
PLUG = Device("P1", "Plug", "Plug Mini (US)", None, cloud_service=True)
THERMOSTAT = Device("T1", "TRV", "Smart Radiator Thermostat", None, cloud_service=True)
AIRCON = Remote("02-1", "AC", "Air Conditioner", None)
LEARNED = Remote("02-2", "Old AC", "DIY Air Conditioner", None)
ACCOUNT = DeviceList((METER, PLUG, THERMOSTAT), (AIRCON, LEARNED))
SCENES = [Scene("S1", "Warm")]
GOOD = {
    "meter_device_id": "M1",
    "aircon_device_id": "02-1",
    "power_meter_device_id": "P1",
    "aircon_scenes": {"winter": "S1"},
}


def in_account(document, listed=ACCOUNT):
    errors, warnings = account_findings(document, listed, SCENES)
    return paths(errors), paths(warnings)


def test_what_the_account_has_is_not_told_of():
    assert in_account(GOOD) == ([], [])
    assert in_account({"aircon_device_id": "plugin:stove"}) == ([], [])


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"meter_device_id": "M2"}, "meter_device_id"),
        ({"aircon_device_id": "02-9"}, "aircon_device_id"),
        ({"power_meter_device_id": "X"}, "power_meter_device_id"),
        ({"sensors": [{"device_id": "M1"}, {"device_id": "M7"}]}, "sensors[1].device_id"),
        ({"openings": {"sensors": ["C1"]}}, "openings.sensors[0]"),
        ({"presence": {"sensors": ["C1"], "preset": "x"}}, "presence.sensors[0]"),
        ({"aircon_scenes": {"off": "Warm"}}, "aircon_scenes.off"),
        ({"meter_device_id": "P1"}, "meter_device_id"),
        ({"power_meter_device_id": "M1"}, "power_meter_device_id"),
        ({"aircon_device_id": "T1"}, "aircon_device_id"),
        ({"aircon_device_id": "P1"}, "aircon_device_id"),
        ({"aircon_device_id": "T1", "buttons": {"off": "x"}, "cascade": ["button"]},
         "buttons"),
    ],
)  # fmt: skip
def test_what_the_account_lacks_or_cannot_do_is_named(part, path):
    assert in_account(GOOD | part) == ([path], [])
    assert in_account(GOOD | {"zones": {"den": part}})[0] == [f"zones.den.{path}"]


def test_all_of_it_is_named_at_once():
    wrong = {
        "meter_device_id": "M2",
        "aircon_device_id": "T1",
        "aircon_scenes": {"off": "S"},
    }
    assert len(in_account(wrong)[0]) == 3


def test_what_is_doubtful_is_a_warning():
    assert in_account({"aircon_device_id": "02-2"}) == ([], ["aircon_device_id"])
    with_buttons = {"aircon_device_id": "02-2", "buttons": {"winter": "heat"}}
    assert in_account(with_buttons) == ([], [])
    silent = DeviceList(
        (Device("M1", "Meter", "Meter", None, cloud_service=False),), ()
    )
    assert in_account({"meter_device_id": "M1"}, silent) == ([], ["meter_device_id"])
    assert in_account({"meter_device_id": "M1"}, DeviceList((), ())) == ([], [""])


NIGHT = {"windows": [{"start": "22:00", "end": "06:00", "price": 1}], "otherwise": 2}


@pytest.mark.parametrize(
    ("high", "changes", "told"),
    [
        (21.2, {}, ["winter"]),
        (21.3, {}, []),
        (21.3, {"control": "switch", "hysteresis_celsius": 0.3}, ["winter"]),
        (21.2, {"price": {**NIGHT, "share": 0}}, []),
        (21.2, {"mode": "summer", "summer": {"min_temp": 23, "max_temp": 26}}, []),
    ],
)
def test_a_band_too_narrow_for_a_price_is_told_of(high, changes, told):
    document = winter(min_temp=20, max_temp=high) | {"control": "auto", "price": NIGHT}
    assert paths(found(document | changes).warnings) == told


@pytest.fixture
def exchange():
    registry.cache_clear()
    made = Plugin(dict, lambda _: None, API_VERSION)
    registry().add("series", "exchange", made)
    yield
    registry.cache_clear()


@pytest.mark.parametrize("key", ["price", "outdoor_forecast", "sun_forecast"])
def test_a_series_that_no_plugin_reads_is_named_with_the_nearest(key, exchange):
    def naming(source):
        given = {"source": source} if key == "price" else source
        return {"plugins": {"market": {"series": "exchange"}}, key: given}

    wide = winter(min_temp=20, max_temp=23)
    path = {"price": "price.source"}.get(key, key)
    (warning,) = found(wide | naming("markt")).warnings
    assert warning.path == path
    assert "'markt' stays unknown" in str(warning)
    assert "did you mean 'market'?" in str(warning)
    assert found(wide | naming("market")).warnings == []
