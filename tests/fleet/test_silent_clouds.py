"""A cloud that hangs holds up its own homes, and nobody else's."""

import asyncio

import pytest

from switchbot_automation.engine.observe import gateway
from switchbot_automation.errors import AuthError
from switchbot_automation.fleet import jobs as jobs_module
from switchbot_automation.fleet import patience as patience_module
from switchbot_automation.fleet.patience import Patience
from tests.fleet.test_jobs import queue, taken, ticks  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def nobody_waits_long(monkeypatch):
    monkeypatch.setattr(patience_module, "_PATIENT_SECONDS", 0.0)
    monkeypatch.setattr(gateway, "_PERSON_WAITS_SECONDS", 0.01)


async def hangs(*_words, **_named):
    await asyncio.Event().wait()


async def test_a_visit_ends_though_its_cloud_never_answers(fleet):
    """Each stage of it would wait a minute: then others took the home up meanwhile."""
    cloud = fleet.add("42", aircon_device_id="C271111EC0AC")
    cloud.status = cloud.devices = hangs
    visit = await fleet.visit("42")
    assert visit.status == "degraded"
    assert cloud.words == []


async def test_a_silent_account_is_waited_for_by_one_visit_a_while(fleet, monkeypatch):
    """Until it answers: then by all of them."""
    monkeypatch.setattr(patience_module, "_PATIENT_SECONDS", 7.0)
    asked = []

    def cloud_of(home):
        cloud = fleet.clouds[home]
        cloud.account = "0a" * 16
        return cloud

    object.__setattr__(fleet.place, "client_of", cloud_of)
    seconds = fleet.place.patience.seconds
    monkeypatch.setattr(
        Patience, "seconds", lambda _self, of: asked.append(seconds(of)) or 0.0
    )
    for home in ("1", "2", "3"):
        fleet.add(home).status = hangs
        await fleet.visit(home)
    assert asked == [7.0, 0.0, 0.0]
    del fleet.clouds["2"].status
    await fleet.visit("2")
    await fleet.visit("3")
    assert asked[3:] == [0.0, 7.0]


async def test_an_account_that_is_refused_is_not_silent(fleet):
    cloud = fleet.add("42")
    cloud.broken["status"] = AuthError("no such token")
    assert (await fleet.visit("42")).status == "degraded"
    assert not fleet.place.patience._silent


async def test_jobs_that_wait_for_somebody_leave_their_place_to_others(
    queue,  # noqa: F811 - the fixture
    monkeypatch,
):
    """Forty homes of one account that hangs had every place of a worker."""
    await queue.jobs.put(ticks(queue, range(30)))
    queue.jobs.room = 3
    worker = await queue.jobs.register_worker()
    assert len(await taken(queue, worker)) == 3
    assert await taken(queue, worker) == []
    monkeypatch.setattr(jobs_module, "_WAITS_SECONDS", -1.0)
    assert len(await taken(queue, worker)) == 3 * (jobs_module.WAITERS - 1)
    assert await taken(queue, worker) == []
