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
