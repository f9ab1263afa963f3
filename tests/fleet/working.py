"""A queue in a real database, and who does at once all that is due."""

from switchbot_automation.clock import SystemClock
from switchbot_automation.fleet.queue import FleetQueue
from switchbot_automation.fleet.visit import Place
from switchbot_store import HomeStore, PostgresStore, ThreadedStore
from tests.engine.conftest import WINTER_ROOM, PretendCloud

# The clock is the database's, so rooms are kept at every time of day.
ROOM = WINTER_ROOM | {
    "time_windows": [
        {"days": list(range(7)), "start": start, "end": end}
        for start, end in (("00:00", "12:00"), ("12:00", "00:00"))
    ]
}


class Working:
    """A queue, and who does at once all that is due."""

    def __init__(self, url):
        self.url = url
        self.store = PostgresStore(url)
        self.clouds = {}
        self.visits = []
        self.clock = SystemClock()
        self.place = Place(
            ThreadedStore(self.store), self.clouds.__getitem__, clock=self.clock
        )
        self.queue = FleetQueue(
            url, lambda: self.place, shards=3, on_visit=self.visits.append
        )

    def add(self, home, temperature=21.0):
        HomeStore(self.store, home).set("settings", ROOM)
        cloud = self.clouds[home] = PretendCloud(self.clock)
        cloud.temperature = temperature
        return cloud

    async def do_all_that_is_due(self):
        self.visits.clear()
        self.queue.jobs.room = 4
        await self.queue.app.run_worker_async(
            wait=False,
            queues=self.queue.queues,
            concurrency=4,
            install_signal_handlers=False,
            delete_jobs="always",
        )
        return sorted(visit.home for visit in self.visits)

    async def jobs(self, **which):
        """Those of homes, without the one that looks after dead workers."""
        found = await self.queue.app.job_manager.list_jobs_async(**which)
        return [job for job in found if job.queue in self.queue.queues]
