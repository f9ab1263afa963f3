#!/usr/bin/env bash
# procrastinate 3.10.0: a worker takes every job of its queues, also of a task that it does not know,
# as one of the last release does while its hosts are brought up one after the other. Such a job
# has failed for good: the retries that the task asks for belong to a task that is not there.
#
# Seen, in procrastinate's own connector in memory: of ten jobs of a new task (retry=True) an old
# worker, which knows another task of the same queue, fails all ten in their first attempt; the new
# worker finds none left. In a queue of its own the new task's jobs are left alone, and done.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'procrastinate==3.10.0'
cat > "$folder/upgrade.py" <<'PY'
import asyncio
import logging
from collections import Counter

import procrastinate
from procrastinate.testing import InMemoryConnector

logging.disable(logging.CRITICAL)


async def upgrade(queue):
    shared = InMemoryConnector()
    old = procrastinate.App(connector=shared)
    new = procrastinate.App(connector=shared)
    ran = 0

    @old.task(name="tick", queue="homes")
    async def _tick():
        """Do what both releases know."""

    @new.task(name="tick_at_once", queue=queue, retry=True)
    async def at_once():
        nonlocal ran
        ran += 1

    async with old.open_async():
        for _ in range(10):
            await at_once.defer_async()
        for app, queues in ((old, ["homes"]), (new, ["homes", queue])):
            await app.run_worker_async(queues=queues, wait=False, install_signal_handlers=False)
    status = Counter(job["status"] for job in shared.jobs.values())
    attempts = {job["attempts"] for job in shared.jobs.values()}
    print(f"queue {queue}: ran {ran}, {dict(status)}, attempts {attempts}")
    return ran, dict(status)


assert asyncio.run(upgrade("homes")) == (0, {"failed": 10})
assert asyncio.run(upgrade("homes-2")) == (10, {"succeeded": 10})
PY
"$folder/venv/bin/python" "$folder/upgrade.py" 2> "$folder/errors" || { cat "$folder/errors"; exit 1; }
