from __future__ import annotations

from itertools import pairwise

import pytest

from switchbot_automation.simulation.house.meter import Meter, MeterParameters

STEP = 30


def run(meter, air, steps, start=0):
    reports = []
    for step in range(start, start + steps):
        before = meter.report
        meter.step(step * STEP, air(step * STEP), 7.0)
        if meter.report is not before:
            reports.append(meter.report)
    return reports


def test_lags_behind_the_air():
    meter = Meter(MeterParameters(lag_seconds=300), STEP, temperature=18.0, seed=1)
    run(meter, lambda _: 22.0, 10)
    assert meter.body_temperature == pytest.approx(22 - 4 * 0.3679, abs=0.01)


def test_shows_tenths_and_reports_between_its_limits():
    meter = Meter(MeterParameters(), STEP, temperature=18.0, seed=2)
    reports = run(meter, lambda at: 18.0 + at / 3000, 600)
    gaps = [b.seconds - a.seconds for a, b in pairwise(reports)]
    assert min(gaps) >= 60
    assert max(gaps) <= 210 + STEP
    assert len(set(gaps)) > 3
    for report in reports:
        assert report.temperature == round(report.temperature, 1)
        assert 0 <= report.humidity <= 100


def test_changes_come_as_far_apart_as_a_real_meter_s():
    """A real one changed 14 times in 40 minutes, 61 to 465 s apart, half within 165 s."""
    meter = Meter(MeterParameters(), STEP, temperature=23.7, seed=3)
    reports = run(meter, lambda at: 23.7 + at / 2400, 80)
    changes = [
        b.seconds for a, b in pairwise(reports) if a.temperature != b.temperature
    ]
    gaps = sorted(b - a for a, b in pairwise(changes))
    assert 6 <= len(changes) <= 30
    assert 60 <= gaps[len(gaps) // 2] <= 330


def test_a_report_that_is_held_back_leaves_the_last_value():
    meter = Meter(MeterParameters(), STEP, temperature=18.0, seed=4)
    run(meter, lambda _: 18.0, 20)
    last = meter.report
    meter.on_report = lambda _report: False
    assert run(meter, lambda _: 30.0, 200, start=20) == []
    assert meter.report is last


def test_an_offset_is_shown_but_not_felt():
    meter = Meter(
        MeterParameters(offset=-1.0, noise=0.0), STEP, temperature=20.0, seed=5
    )
    run(meter, lambda _: 20.0, 5)
    assert meter.report.temperature == 19.0
    assert meter.body_temperature == 20.0
