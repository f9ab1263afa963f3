"""The made-up market keeps what every source of prices promises."""

from datetime import timedelta

import pytest

from switchbot_automation.simulation import SimulatedClock
from switchbot_automation.simulation.market import SimulatedMarket
from switchbot_automation.testing import SeriesContract


class TestMarket(SeriesContract):
    @pytest.fixture
    def source(self):
        return SimulatedMarket(SimulatedClock())


async def test_tomorrow_is_known_from_noon_on():
    clock = SimulatedClock()
    market, midnight = SimulatedMarket(clock), clock.now()
    clock.advance(11 * 3600)
    before = await market.read()
    clock.advance(3600)
    after = await market.read()
    assert before.ends == midnight + timedelta(days=1)
    assert after.ends == midnight + timedelta(days=2)
    assert before.issued_at < after.issued_at == clock.now()


async def test_it_fails_and_errs_as_it_is_told():
    market = SimulatedMarket(SimulatedClock())
    right = await market.read()
    market.off_by = 1.0
    wrong = await market.read()
    assert [
        a - b for (_, a), (_, b) in zip(wrong.points, right.points, strict=True)
    ] == pytest.approx([1.0] * 24)
    market.fails = OSError("closed")
    with pytest.raises(OSError, match="closed"):
        await market.read()
