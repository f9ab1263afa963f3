"""`control: auto`: the best control there is, in one word."""

import pytest

from switchbot_automation.settings import parse_settings
from switchbot_automation.simulation import default_settings, simulate


def zone(**keys):
    return parse_settings(default_settings("winter") | keys).default


def test_auto_steers_starts_early_and_reads_when_it_matters():
    found = zone(control="auto")
    assert (found.steers, found.modulates) == (True, True)
    assert (found.optimum_start, found.predictive) == (True, True)


@pytest.mark.parametrize("key", ["optimum_start", "predictive_polling"])
def test_what_is_given_beside_auto_counts(key):
    assert getattr(zone(control="auto", **{key: False}), key) is False


def test_a_unit_that_takes_no_setpoint_is_switched():
    scenes = {"winter": "T02-1", "off": "T02-2"}
    found = zone(control="auto", cascade=["scene"], aircon_scenes=scenes)
    assert (found.steers, found.modulates) == (False, False)
    assert (found.optimum_start, found.overshoot_learning) == (True, True)


def test_a_document_that_names_no_control_is_run_as_before():
    found = zone()
    assert (found.control, found.steers, found.optimum_start) == (
        "switch",
        False,
        False,
    )


def test_of_several_rooms_each_may_say_otherwise():
    settings = parse_settings(
        default_settings("winter")
        | {"control": "auto", "zones": {"a": {}, "b": {"control": "switch"}}}
    )
    assert settings.zones["a"].modulates
    assert not settings.zones["b"].modulates


async def test_a_week_of_auto_is_a_week_of_modulate_with_its_helpers():
    base = default_settings("winter")
    auto = await simulate(base | {"control": "auto"}, days=4)
    spelled = {
        "control": "modulate",
        "optimum_start": True,
        "predictive_polling": True,
    }
    written_out = await simulate(base | spelled, days=4)
    told = [each.to_dict() for each in (auto, written_out)]
    for each in told:
        del each["wall_seconds"]
    assert told[0] == told[1]
