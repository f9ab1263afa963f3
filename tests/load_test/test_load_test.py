"""The load test itself: what it measures, and what it will not touch."""

import json

import pytest
from click.testing import CliRunner

from switchbot_automation.cli.app import application
from switchbot_automation.errors import SettingsError
from switchbot_automation.load_test import FaultPlan, LoadPlan, load_test
from switchbot_automation.load_test.report import percentile
from switchbot_store import JsonStore


def plan_file(tmp_path, rows):
    path = tmp_path / "faults.json"
    path.write_text(json.dumps(rows))
    return path


def fault(what, how, at, seconds):
    return {"what": what, "how": how, "at_seconds": at, "for_seconds": seconds}


async def test_a_short_run_measures_everything_and_loses_nothing(tmp_path):
    plan = LoadPlan(
        duration_seconds=4,
        users=2,
        tick_interval_seconds=0.5,
        zones=3,
        store=f"json:{tmp_path / 'store'}",
    )
    seen = []
    report = await load_test(plan, seen.append)
    assert report.ticks >= 3
    assert report.rows_expected == report.rows_found == 3 * report.ticks
    assert report.documents_lost == 0
    assert report.requests > 0
    assert report.failures == {}
    assert 20 < report.memory_megabytes < 500
    assert report.cpu_percent > 0
    assert report.tick_p50_seconds <= report.tick_p99_seconds
    assert seen
    assert seen[-1].ticks <= report.ticks
    assert json.loads(json.dumps(report.to_dict()))["zones"] == 3


async def test_a_database_that_is_killed_meanwhile_has_every_row_in_the_end(tmp_path):
    rows = [fault("database", "kill", 1, 1), fault("cloud", "stop", 3, 0.5)]
    plan = LoadPlan(
        duration_seconds=6,
        users=1,
        tick_interval_seconds=0.25,
        faults=FaultPlan.from_file(plan_file(tmp_path, rows)),
    )
    report = await load_test(plan)
    assert report.ticks > 4
    assert report.lost == 0
    assert report.rows_found == report.ticks


async def test_a_store_that_holds_settings_is_left_alone(tmp_path):
    with JsonStore(tmp_path) as store:
        store.set("settings", {"automation_enabled": True})
    with pytest.raises(SettingsError, match="already holds settings"):
        await load_test(LoadPlan(duration_seconds=1, store=f"json:{tmp_path}"))
    with JsonStore(tmp_path) as store:
        assert store.get("settings") == {"automation_enabled": True}


async def test_a_database_of_somebody_elses_is_never_stopped():
    plan = LoadPlan(store="postgresql://x/y", faults=FaultPlan.standard(60))
    with pytest.raises(SettingsError, match="leave --store out"):
        await load_test(plan)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"what": "database"}], r"\[0\]: wants what, how"),
        ([fault("moon", "stop", 1, 1)], "what is one of database, cloud"),
        ([fault("cloud", "kill", 1, 1)], "a cloud can stop, freeze, errors, not kill"),
        ([fault("cloud", "stop", 1, 0)], "for_seconds > 0"),
        (
            [fault("cloud", "stop", 1, 5), fault("database", "stop", 3, 1)],
            "begins before cloud is back",
        ),
        ({}, "expected a list"),
    ],
)
def test_a_plan_that_cannot_be_played_says_why(tmp_path, rows, words):
    with pytest.raises(SettingsError, match=words):
        FaultPlan.from_file(plan_file(tmp_path, rows))


def test_the_standard_plan_has_each_kind_once_and_leaves_time_to_recover():
    faults = FaultPlan.standard(100).faults
    assert len({(each.what, each.how) for each in faults}) == len(faults) == 6
    ends = [each.at_seconds + each.for_seconds for each in faults]
    begins = [each.at_seconds for each in faults[1:]]
    assert all(begin > end for begin, end in zip(begins, ends, strict=False))
    assert ends[-1] < 90


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)]
)
def test_percentiles_of_a_hundred(share, expected):
    assert percentile(range(1, 101), share) == expected


def test_the_command_draws_and_tells_by_its_exit_code(tmp_path):
    arguments = ["--duration", "2", "--tick-interval", "0.5", "--concurrent-users", "1"]
    arguments += ["--store", f"json:{tmp_path / 'store'}", "--json"]
    picture = tmp_path / "load.png"
    result = CliRunner().invoke(
        application, ["load-test", *arguments, "--plot", str(picture)]
    )
    report = json.loads(result.stdout)
    assert result.exit_code == (0 if report["passed"] else 1)
    assert report["rows_expected"] == report["rows_found"] > 0
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
async def test_two_minutes_with_every_fault_lose_nothing():
    plan = LoadPlan(
        duration_seconds=120,
        tick_interval_seconds=2,
        faults=FaultPlan.standard(120),
    )
    report = await load_test(plan)
    assert report.lost == 0
    assert report.error_percent < 0.5
    assert report.memory_megabytes < 100
    assert 0 < report.connections_most < 10
