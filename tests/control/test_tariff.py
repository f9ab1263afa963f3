"""A price in a simulated room: one that is not known is no worse than none."""

from tests.control.tariff import Told, lived


async def test_a_price_that_is_not_known_leaves_every_command_as_it_was():
    none, missing, stale = [
        await lived(Told("usual", way, days=0.3, begins=0.0))
        for way in ("none", "missing", "stale")
    ]
    assert none.commands > 0
    assert missing == none
    assert stale == none


async def test_prices_too_near_to_pay_for_storing_leave_every_command_as_it_was():
    none, told = [
        await lived(Told("usual", way, days=0.3, begins=0.0, cheap=0.24))
        for way in ("none", "told")
    ]
    assert none.commands > 0
    assert told == none
