"""`act` against a cloud over HTTP, in a process of its own, beside `run` and alone."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation.cli.commands.act import _celsius, _hold
from switchbot_automation.cli.output import Misuse
from switchbot_automation.languages import measuring
from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings
from switchbot_automation.simulation.faults import Call

SETTINGS = default_settings("winter") | {
    "presets": {"eco": {"setback_kelvin": 2.0}},
    "poll_interval_seconds": 15,
}


@pytest.fixture
async def cloud():
    async with FakeSwitchBotCloud(season="winter") as cloud:
        yield cloud


@pytest.fixture
def home(tmp_path, cloud):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/settings.json").write_text(json.dumps(SETTINGS))
    return {
        "SWITCHBOT_TOKEN": cloud.token,
        "SWITCHBOT_SECRET": cloud.secret,
        "SWITCHBOT_BASE_URL": cloud.base_url,
        "STORE_DIRECTORY": str(tmp_path / "config"),
    }


@pytest.fixture
def act(start, home):
    async def act(*words):
        return await (await start("act", *words, env=home)).ended()

    return act


def state_of(home):
    return json.loads(Path(home["STORE_DIRECTORY"], "state.json").read_text())


def numbers_in(value):
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        return set().union(*map(numbers_in, value))
    return {value} if isinstance(value, float) else set()


async def test_off_goes_out_and_is_held(act, home, cloud):
    code, out, err = await act("default", "off", "--hold", "2h", "--json")
    assert code == 0, err
    assert json.loads(out)["status"] == "accepted"
    assert cloud.calls[Call.COMMAND] == 1
    assert state_of(home)["hold_until"]


async def test_a_window_is_skipped_and_kept_until_it_is_resumed(act, home):
    code, out, err = await act("default", "skip_next_window")
    assert (code, "is skipped" in out) == (0, True), err
    (skipped,) = state_of(home)["skipped_windows"]
    assert skipped["day"] in out
    code, _out, err = await act("default", "skip_next_window", "--hold", "2h")
    assert (code, "leave --hold out" in err) == (2, True)
    code, _out, err = await act("default", "quiet_fan", "--hold", "until_end_of_day")
    assert (code, bool(state_of(home)["quiet_fan_until"])) == (0, True), err
    assert (await act("default", "resume"))[0] == 0
    after = state_of(home)
    assert not after["skipped_windows"]
    assert after["quiet_fan_until"] is None


async def test_a_hold_for_good_has_no_end_that_is_told(act):
    code, out, err = await act("default", "hold")
    assert (code, out.strip()) == (0, "default: hold"), err


async def test_a_band_for_a_time_is_stored_as_a_wish(act, home, cloud):
    words = ("set_temperature", "21", "22.5", "--hold", "90m", "--json")
    code, out, err = await act("default", *words)
    assert code == 0, err
    wish = json.loads(out)["wish"]
    assert wish["until"]
    assert {21.0, 22.5} <= numbers_in(state_of(home))
    assert cloud.calls[Call.COMMAND] == 0


@pytest.fixture
def home_in_fahrenheit(home):
    warm = {"min_temp": 68, "max_temp": 71, "target_temp": 70}
    document = SETTINGS | {"unit": "fahrenheit", "winter": warm, "summer": warm}
    Path(home["STORE_DIRECTORY"], "settings.json").write_text(json.dumps(document))


@pytest.mark.usefixtures("home_in_fahrenheit")
async def test_a_band_is_typed_in_the_degrees_of_the_home(act, home):
    code, out, err = await act("default", "set_temperature", "69.8", "73.4")
    assert code == 0, err
    assert {21.0, 23.0} <= numbers_in(state_of(home))
    code, out, err = await act("default", "set_temperature", "72", "70")
    assert code == 2
    assert "72 to 70 °F; wanted are two temperatures from 50 to 95" in out + err


@pytest.mark.parametrize(
    ("typed", "unit", "celsius"),
    [
        ("21.5", "celsius", 21.5),
        ("21,5 °C", "celsius", 21.5),
        ("68F", "celsius", 20.0),
        ("70", "celsius", 70.0),
        ("68", "fahrenheit", 20.0),
        ("68 °f", "fahrenheit", 20.0),
        ("20C", "fahrenheit", 20.0),
        # What scripts have sent: no room is kept at 21 °F.
        ("21.5", "fahrenheit", 21.5),
        ("\uff15\uff10", "fahrenheit", 10.0),
    ],
)
def test_degrees_are_read_as_people_write_them(typed, unit, celsius):
    assert _celsius(typed, unit) == pytest.approx(celsius)


@pytest.mark.parametrize("typed", ["", "warm", "nan", "1e9", "21K", "21 22", "--3"])
def test_what_is_no_temperature_is_said_in_the_degrees_of_the_home(typed):
    with measuring("fahrenheit"), pytest.raises(Misuse, match=r"as 70\.7 °F"):
        _celsius(typed, "fahrenheit")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["attic", "off"], "attic"),
        (["default", "set_temperature", "21"], "LOW HIGH"),
        (["default", "set_temperature", "warm", "22"], "expected degrees, as 21.5 °C"),
        (["default", "set_temperature", "70", "72"], "70 to 72 °C"),
        (["default", "set_preset_mode", "party"], "party"),
        (["default", "off", "--hold", "soon"], "expected 90m"),
        (["default", "off", "--hold", "2000d"], "within a year"),
        (["default", "off", "--hold", f"{10**15}d"], "within a year"),
        (["default", "off", "--hold", "9" * 400 + "h"], "within a year"),
        (["default", "off", "now"], "takes -"),
        (["default", "explode"], "explode"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_sent(act, cloud, words, said):
    code, out, err = await act(*words)
    assert code == 2
    assert said in out + err
    assert cloud.calls[Call.COMMAND] == 0


@pytest.mark.parametrize(
    ("now", "text", "until"),
    [
        ("2026-01-12T10:00", "18:30", "2026-01-12T17:30"),
        ("2026-01-12T17:30", "18:30", "2026-01-13T17:30"),
        # 02:30 comes twice, and is next whichever of the two hours it is.
        ("2026-10-25T00:20", "02:30", "2026-10-25T00:30"),
        ("2026-10-25T00:40", "02:30", "2026-10-25T01:30"),
        ("2026-10-25T01:20", "02:30", "2026-10-25T01:30"),
        ("2026-10-25T01:40", "02:30", "2026-10-26T01:30"),
        # There is no 02:30: an hour later by the clock.
        ("2026-03-29T00:30", "02:30", "2026-03-29T01:30"),
        ("2026-03-29T01:40", "02:30", "2026-03-30T00:30"),
    ],
)
def test_a_time_of_day_is_the_next_one_that_the_clock_shows(now, text, until):
    now, until = (
        datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (now, until)
    )
    assert _hold(text, ZoneInfo("Europe/Berlin"), now) == until


async def test_beside_a_run_that_one_keeps_what_was_asked_for(start, act, home, cloud):
    running = await start("run", "--json", env=home)
    await running.event(event="decision", zone="default")
    commands = cloud.calls[Call.COMMAND]
    code, _, err = await act("default", "off", "--hold", "2h")
    assert code == 0, err
    assert cloud.calls[Call.COMMAND] == commands + 1
    held = await running.event(event="decision", zone="default")
    assert "hold_manual" in held["reasons"]
    code, out, err = await act("default", "set_preset_mode", "eco", "--hold", "1h")
    assert code == 0, err
    assert "default: set_preset_mode, until" in out
    await running.event(event="decision", zone="default")
    assert (await running.end())[0] == 0


@pytest.fixture
def home_in_tokyo(home):
    document = SETTINGS | {"timezone": "Asia/Tokyo"}
    Path(home["STORE_DIRECTORY"], "settings.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("machine", "named"), [("UTC", " (Asia/Tokyo)"), ("Asia/Tokyo", "")]
)
@pytest.mark.usefixtures("home_in_tokyo")
async def test_an_end_is_told_on_the_clock_by_which_it_was_asked_for(
    act, home, machine, named
):
    """In a container, whose clock is UTC, 18:30 came back as the hour of another clock."""
    home["TZ"] = machine
    words = ("set_temperature", "21", "22.5", "--hold", "18:30")
    code, out, err = await act("default", *words)
    assert code == 0, err
    assert out.strip().endswith(f"18:30:00{named}")
