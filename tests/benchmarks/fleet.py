"""A fleet as it would run: homes, a queue, workers in processes of their own.

    python -m tests.benchmarks.fleet --homes 1000 --workers 1 --seconds 60

PostgreSQL with fsync, accounts over HTTP on loopback, every home ticked every two minutes.
`--kill` kills a worker (and `--kill-database` the server) with SIGKILL on the way, and
tells what came of it. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import psycopg
from aiohttp import web

from switchbot_automation.fleet.keeper import HomeKeeper
from switchbot_automation.fleet.overview import fleet_overview, summaries
from switchbot_automation.fleet.worker import clients_of, opened_place
from switchbot_store import PostgresStore, StoreConfig, migrate
from switchbot_store.testing import PostgresServer

if TYPE_CHECKING:
    from switchbot_automation.fleet.visit import Visit

INTERVAL = 120
METER = "C271111EC0AB"
AIRCON = "02-202008110034-13"
SETTINGS = {
    "automation_enabled": True,
    "mode": "winter",
    "poll_interval_seconds": INTERVAL,
    "adaptive_polling_enabled": False,
    "hysteresis_celsius": 0.3,
    "command_cooldown_seconds": 0,
    "timezone": "UTC",
    "meter_device_id": METER,
    "aircon_device_id": AIRCON,
    "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0},
    "summer": {"min_temp": 23.0, "max_temp": 26.0, "target_temp": 24.0},
    "time_windows": [{"days": list(range(7)), "start": "00:00", "end": "23:59"}],
}


def serve_cloud(port: int, journal: str) -> None:
    """Serve every account there is: a token is a home; its room warms while it is on."""
    began = time.monotonic()
    rooms: dict[str, tuple[float, float, bool]] = {}
    out = Path(journal).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115 - as long as the process

    def temperature(home: str) -> float:
        now = time.monotonic() - began
        at, degrees, on = rooms.setdefault(
            home, (now, 19.0 + (hash(home) % 100) / 25, False)
        )
        drift = 0.01 if on else -0.01
        return min(26.0, max(14.0, degrees + drift * (now - at)))

    def answer(body: object) -> web.Response:
        return web.json_response(
            {"statusCode": 100, "message": "success", "body": body}
        )

    async def status(request: web.Request) -> web.Response:
        degrees = temperature(request.headers["Authorization"])
        return answer(
            {
                "deviceId": METER,
                "deviceType": "Meter",
                "temperature": round(degrees, 1),
                "humidity": 50,
                "battery": 90,
                "version": "V1",
            }
        )

    async def command(request: web.Request) -> web.Response:
        home, asked = request.headers["Authorization"], await request.json()
        degrees = temperature(home)
        on = asked["command"] == "setAll"
        rooms[home] = (time.monotonic() - began, degrees, on)
        out.write(f"{time.time():.3f} {home} {asked['command']} {asked['parameter']}\n")
        return answer({})

    async def devices(_request: web.Request) -> web.Response:
        remote = {
            "deviceId": AIRCON,
            "deviceName": "a",
            "remoteType": "Air Conditioner",
        }
        return answer({"deviceList": [], "infraredRemoteList": [remote]})

    app = web.Application()
    app.add_routes(
        [
            web.get("/v1.1/devices", devices),
            web.get("/v1.1/devices/{id}/status", status),
            web.post("/v1.1/devices/{id}/commands", command),
        ]
    )
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


def wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """What of it is its own, with its share of what it shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return math.nan


def waited_seconds(pid: int) -> float:
    """How long its threads were ready to run and others had the processor."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((each / "schedstat").read_text().split()[1]) for each in tasks) / 1e9


def children_cpu(pid: int) -> float:
    """CPU seconds of a server and all its children that live."""
    total = cpu_seconds(pid)
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid:
                    total += cpu_seconds(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total


class Run:
    """Everything of one run, in one folder."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.workers: list[subprocess.Popen[bytes]] = []
        self.journal = folder / "commands"
        self.cloud: subprocess.Popen[bytes] | None = None

    def environment(self, url: str) -> dict[str, str]:
        return {
            **os.environ,
            "STORE_BACKEND": "postgres",
            "POSTGRES_URL": url,
            "STORE_DIRECTORY": str(self.folder / "config"),
            "SWITCHBOT_ACCOUNTS": str(self.folder / "accounts.json"),
            "SWITCHBOT_FLEET_SHARDS": str(self.options.shards),
        }

    def fleet(self, url: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "switchbot_automation.cli", "fleet", *words]
        return subprocess.Popen(command, env=self.environment(url))

    def prepare(self, url: str) -> None:
        migrate(url)
        port = 20000 + os.getpid() % 20000
        cloud = [sys.executable, "-m", __spec__.name, "--cloud", str(port)]
        self.cloud = subprocess.Popen([*cloud, str(self.journal)])
        for _ in range(600):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            wait(0.1)
        accounts = {
            str(home): {
                "token": str(home),
                "secret": "s" * 32,
                "base_url": f"http://127.0.0.1:{port}",
            }
            for home in range(self.options.homes)
        }
        secret = self.folder / "accounts.json"
        secret.touch(0o600)
        secret.write_text(json.dumps(accounts))
        with PostgresStore(url) as store:
            homes = list(accounts)
            for start in range(0, len(homes), 500):
                store.set_many(
                    {
                        f"homes/{home}/settings": SETTINGS
                        for home in homes[start : start + 500]
                    }
                )
        assert self.fleet(url, "install").wait() == 0
        spread = ("--spread", str(0 if self.options.drain else INTERVAL))
        assert self.fleet(url, "sow", *spread).wait() == 0

    def work(self, url: str, number: int) -> None:
        self.workers.append(
            self.fleet(
                url,
                "work",
                "--concurrency",
                str(self.options.concurrency),
                "--metrics",
                f"127.0.0.1:{self.metrics_port(number)}",
                "--log-level",
                "warning",
            )
        )

    def metrics_port(self, number: int) -> int:
        return 41000 + os.getpid() % 9000 + number

    def counted(self) -> dict[str, float]:
        """Return the workers' counts, added up."""
        total: dict[str, float] = {}
        for number, worker in enumerate(self.workers):
            if worker.poll() is not None:
                continue
            port = self.metrics_port(number)
            with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                for line in answer.read().decode().splitlines():
                    if not line.startswith("#"):
                        name, _, value = line.rpartition(" ")
                        total[name] = total.get(name, 0.0) + float(value)
        return total


def visits_in(counted: dict[str, float]) -> float:
    return sum(
        value
        for name, value in counted.items()
        if name.startswith("switchbot_fleet_visits_total")
    )


def transactions(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        return int(row[0]) if row else 0


def measure(run: Run, server: PostgresServer, url: str) -> dict[str, object]:
    options = run.options
    for number in range(options.workers):
        run.work(url, number)
    wait(INTERVAL + 15 if options.warm is None else options.warm)
    processes = {"server": server.pid, "cloud": run.cloud.pid}
    before = {
        "cpu": {name: children_cpu(pid) for name, pid in processes.items()},
        "workers": [cpu_seconds(each.pid) for each in run.workers],
        "waited": [waited_seconds(each.pid) for each in run.workers],
        "visits": visits_in(run.counted()),
        "statements": transactions(url),
        "at": time.monotonic(),
    }
    wait(options.seconds)
    counted = run.counted()
    seconds = time.monotonic() - before["at"]
    visits = visits_in(counted) - before["visits"]
    with PostgresStore(url) as store:
        found = fleet_overview(store, _now(), worst=3)
    return {
        "homes": options.homes,
        "workers": options.workers,
        "seconds": round(seconds, 1),
        "visits_a_second": round(visits / seconds, 2),
        "late_seconds": found["late_seconds"],
        "counts": found["counts"],
        "worst": found["worst"],
        "statements_a_visit": round(
            (transactions(url) - before["statements"]) / max(1.0, visits), 2
        ),
        "store_statements_a_visit": round(
            counted["switchbot_fleet_statements_sum"]
            / counted["switchbot_fleet_statements_count"],
            3,
        ),
        "worker_cores": round(
            sum(
                cpu_seconds(each.pid) - old
                for each, old in zip(run.workers, before["workers"], strict=True)
            )
            / seconds,
            3,
        ),
        # Of a machine of its own this is next to nothing; it is in the lateness.
        "others_had_the_processor": [
            round((waited_seconds(each.pid) - old) / seconds, 3)
            for each, old in zip(run.workers, before["waited"], strict=True)
        ],
        "server_cores": round(
            (children_cpu(processes["server"]) - before["cpu"]["server"]) / seconds, 3
        ),
        "cloud_cores": round(
            (children_cpu(processes["cloud"]) - before["cpu"]["cloud"]) / seconds, 3
        ),
        "worker_mb": [round(memory_mb(each.pid), 1) for each in run.workers],
        "load_average": os.getloadavg()[0],
    }


def drain(run: Run, server: PostgresServer, url: str) -> dict[str, object]:
    """Let homes that are all due be visited; tell how fast, and what a visit costs."""
    options = run.options
    for number in range(options.workers):
        run.work(url, number)
    processes = {"server": server.pid, "cloud": run.cloud.pid}

    def look() -> dict[str, float]:
        try:
            counted = run.counted()
        except OSError:  # none listens yet
            counted = {}
        return {
            "visits": visits_in(counted),
            "statements": counted.get("switchbot_fleet_statements_sum", 0.0),
            "at": time.monotonic(),
            "transactions": float(transactions(url)),
            "worker": sum(cpu_seconds(each.pid) for each in run.workers),
            **{name: children_cpu(pid) for name, pid in processes.items()},
        }

    # What starting costs is no visit's.
    looks = [look()]
    while looks[-1]["visits"] < 0.95 * options.homes:
        wait(0.2)
        found = look()
        if found["visits"] > 0.1 * options.homes or not looks[0]["visits"]:
            looks.append(found)
        if looks[0]["visits"] < 0.1 * options.homes:
            looks = [found]
    done = {name: value - looks[0][name] for name, value in looks[-1].items()}
    visits = done["visits"]
    return {
        "homes": options.homes,
        "workers": options.workers,
        "visits_a_second": round(visits / done["at"], 1),
        "transactions_a_visit": round(done["transactions"] / visits, 2),
        "store_statements_a_visit": round(done["statements"] / visits, 2),
        **{
            f"{name}_ms_a_visit": round(1000 * done[name] / visits, 2)
            for name in ("worker", *processes)
        },
        "worker_mb": [round(memory_mb(each.pid), 1) for each in run.workers],
        "load_average": os.getloadavg()[0],
    }


def _now() -> datetime:
    return datetime.now(UTC)


def kill(run: Run, server: PostgresServer, url: str) -> dict[str, object]:
    """Kill a worker, or the server, in the midst; tell what became of the homes."""
    options = run.options
    for number in range(options.workers):
        run.work(url, number)
    wait(options.warm or 60)
    killed_at = time.time()
    if options.kill_database:
        server.kill()
        server.start()
    else:
        victim = run.workers[0]
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        if options.workers == 1:
            run.work(url, 1)
    wait(options.seconds)
    alive = [each.poll() is None for each in run.workers]
    # What is on its way comes to its end before it is judged.
    for worker in run.workers:
        if worker.poll() is None:
            worker.terminate()
        worker.wait(60)
    with PostgresStore(url) as store:
        late = sorted(
            (
                (_now() - each.next_wakeup).total_seconds()
                for each in summaries(store, _now())
                if each.next_wakeup is not None
            ),
            reverse=True,
        )
        overview = fleet_overview(store, _now(), worst=5)
        told = {
            home: store.get(f"homes/{home}/state").get("assumed_aircon_power")
            for home in map(str, range(options.homes))
        }
    last: dict[str, str] = {}
    doubled = []
    for line in run.journal.read_text().splitlines():
        at, home, command, _parameter = line.split(" ", 3)
        if last.get(home) == command:
            doubled.append((round(float(at) - killed_at, 1), home, command))
        last[home] = command
    wrong = [
        home
        for home, command in last.items()
        if told[home] != ("on" if command == "setAll" else "off")
    ]
    with psycopg.connect(url, autocommit=True) as connection:
        stuck = connection.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"
            " AND task_name = 'switchbot.tick'"
        ).fetchone()
        jobs = connection.execute(
            "SELECT count(DISTINCT lock), count(*) FROM procrastinate_jobs"
            " WHERE task_name = 'switchbot.tick'"
        ).fetchone()
    return {
        "killed": "database" if options.kill_database else "worker",
        "homes": options.homes,
        "seconds_after": options.seconds,
        "commands": sum(1 for _ in run.journal.open()),
        "doubled": doubled[:10],
        "told_otherwise_than_sent": wrong[:10],
        "most_overdue_seconds": [round(each, 1) for each in late[:3]],
        "jobs_at_work": stuck,
        "homes_with_a_job_and_jobs": jobs,
        "overview": overview,
        "workers_alive": alive,
    }


async def keep(options: argparse.Namespace) -> dict[str, object]:
    """Keep all homes in this process; tell what they cost."""
    visits: list[Visit] = []
    place_of = clients_of(os.environ["SWITCHBOT_ACCOUNTS"])
    async with opened_place(StoreConfig.from_env(), place_of) as place:
        empty = memory_mb(os.getpid())
        keeper = HomeKeeper(place, on_visit=visits.append)
        for home in range(options.homes):
            keeper.add(str(home), spread_seconds=INTERVAL)
        running = asyncio.create_task(keeper.run())
        await asyncio.sleep(INTERVAL + 15 if options.warm is None else options.warm)
        visits.clear()
        calls, cpu, at = place.store.calls, time.process_time(), time.monotonic()
        await asyncio.sleep(options.seconds)
        seconds = time.monotonic() - at
        cpu = time.process_time() - cpu
        calls = place.store.calls - calls
        count = len(visits)
        late = sorted(visit.late_seconds for visit in visits)
        mb = memory_mb(os.getpid())
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return {
        "homes": options.homes,
        "visits_a_second": round(count / seconds, 2),
        "statements_a_visit": round(calls / max(1, count), 3),
        "late_seconds": {
            "p50": late[len(late) // 2],
            "p99": late[int(0.99 * len(late))],
        },
        "cores": round(cpu / seconds, 3),
        "mb": round(mb, 1),
        "mb_without_homes": round(empty, 1),
        "threads": threading.active_count(),
        "load_average": os.getloadavg()[0],
    }


def kept(run: Run, url: str) -> dict[str, object]:
    """Keep the homes in one process of their own."""
    options = run.options
    command = [sys.executable, "-m", __spec__.name, "--inner-keeper"]
    command += ["--homes", str(options.homes), "--seconds", str(options.seconds)]
    if options.warm is not None:
        command += ["--warm", str(options.warm)]
    done = subprocess.run(
        command, env=run.environment(url), check=True, stdout=subprocess.PIPE
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cloud", nargs=2)
    parser.add_argument("--homes", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--warm", type=float)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--kill-database", action="store_true")
    parser.add_argument("--drain", action="store_true", help="all are due at once")
    parser.add_argument("--keeper", action="store_true", help="one process, no queue")
    parser.add_argument("--inner-keeper", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inner_keeper:
        print(json.dumps(asyncio.run(keep(options))))
        return
    if options.cloud:
        serve_cloud(int(options.cloud[0]), options.cloud[1])
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        PostgresServer(fsync=True) as server,
    ):
        run = Run(options, Path(folder))
        server.create_database("fleet")
        url = server.url("fleet")
        try:
            run.prepare(url)
            chaos = options.kill or options.kill_database
            if options.keeper:
                found = kept(run, url)
            elif options.drain:
                found = drain(run, server, url)
            else:
                found = (kill if chaos else measure)(run, server, url)
            print(json.dumps(found, indent=1, default=str))
        finally:
            for each in filter(None, [*run.workers, run.cloud]):
                if each.poll() is None:
                    each.terminate()
            for each in filter(None, [*run.workers, run.cloud]):
                each.wait(30)


if __name__ == "__main__":
    main()
