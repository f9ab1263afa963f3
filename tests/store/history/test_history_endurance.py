"""A hundred thousand rows through servers and processes that die again and again."""

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest

from switchbot_store import HistoryService, PostgresHistory

ROWS = 100_000
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2100, 1, 1, tzinfo=UTC)

RECORDER = """
import sys
from datetime import UTC, datetime, timedelta
from switchbot_store import HistorySample, HistoryService, PostgresHistory
url, spill, first, rows = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
service = HistoryService(
    PostgresHistory(url, timeout_seconds=1), spill=spill, journal=True, batch_size=200
)
start = datetime(2026, 1, 1, tzinfo=UTC)
for number in range(first, rows):
    moment = start + timedelta(seconds=number)
    service.record(HistorySample(moment, error_count=number))
    print(number, flush=True)
service.close()
"""


@pytest.mark.slow
def test_no_row_is_lost_or_doubled(postgres_server_factory, tmp_path):
    server = postgres_server_factory(fsync=True)
    url = server.url()
    spill = tmp_path / "spill.sqlite3"
    restarts = 0
    recorded = 0
    starter = threading.Timer(0, server.start)
    starter.start()
    while recorded < ROWS:
        command = [sys.executable, "-c", RECORDER, url, str(spill)]
        process = subprocess.Popen(
            [*command, str(recorded), str(ROWS)], stdout=subprocess.PIPE, text=True
        )
        restarts += 1
        with process:
            for line in process.stdout:
                recorded = int(line) + 1
                if recorded % 9_000 == 0:
                    starter.join()  # one restart at a time
                    server.kill()
                    starter = threading.Timer(1.5, server.start)
                    starter.start()
                if recorded % 13_000 == 0:
                    process.send_signal(signal.SIGKILL)
    starter.join()
    with HistoryService(PostgresHistory(url), spill=spill) as service:
        service.flush()
        found = [
            row.error_count
            for page in service.pages(FIRST, LAST, page_rows=10_000)
            for row in page
        ]
    assert found == list(range(ROWS))
    # A process is ahead of what was read of it by a pipe, and may be done when it is killed.
    assert restarts > 5
