"""A PgBouncer in transaction mode in front of the tests' PostgreSQL."""

import contextlib
import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
from pathlib import Path

import psycopg
import pytest

INSTALL = "apt-get install -y --no-install-recommends pgbouncer"
PATIENCE_SECONDS = 300


def find_pgbouncer():
    """Return the program, installing Debian's package when that is allowed.

    Without it a test fails and says what to install: nothing is skipped.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program:
        return program
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.fail(f"these tests need PgBouncer: {INSTALL}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    log = ""
    for command in ("apt-get update", INSTALL):
        # Another process may be installing as well: wait for its lock.
        words = [*command.split(), "-q", "-o", "DPkg::Lock::Timeout=120"]
        done = subprocess.run(
            words,
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            timeout=PATIENCE_SECONDS,
        )
        log += f"{command}\n{done.stdout}{done.stderr}\n"
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        pytest.fail(f"these tests need PgBouncer, and installing it failed:\n{log}")
    return program


def unprepared(program):
    """Return the setting with which newer ones behave as the older ones still out."""
    answer = subprocess.run(
        [program, "--version"], check=True, capture_output=True, text=True
    ).stdout
    major, minor = re.search(r"(\d+)\.(\d+)", answer).groups()
    knows = (int(major), int(minor)) >= (1, 21)
    return "max_prepared_statements = 0" if knows else ""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def pgbouncer_program():
    return find_pgbouncer()


@pytest.fixture
def pgbouncer(pgbouncer_program, database_url):
    """Start it for the test's own database; give the URL behind it."""
    parameters = psycopg.conninfo.conninfo_to_dict(database_url)
    # Not below pytest's directory, which is closed to other users.
    directory = Path(tempfile.mkdtemp(prefix="pooler-"))
    directory.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IXOTH)
    port = free_port()
    users = "".join(f'"{user}" ""\n' for user in (parameters["user"], "hostile"))
    (directory / "users.txt").write_text(users)
    server = " ".join(
        f"{name}={parameters[name]}" for name in ("host", "port", "user", "dbname")
    )
    anybody = " ".join(
        f"{name}={parameters[name]}" for name in ("host", "port", "dbname")
    )
    (directory / "pgbouncer.ini").write_text(
        f"""
        [databases]
        home = {server}
        # As who knocks, whose settings are not those of the tests' own user.
        anybody = {anybody}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = trust
        auth_file = {directory}/users.txt
        pool_mode = transaction
        # As few as possible: clients change servers all the time.
        default_pool_size = 2
        max_client_conn = 100
        {unprepared(pgbouncer_program)}
        """.replace("\n        ", "\n")
    )
    how = {}
    if os.geteuid() == 0:  # it refuses to run as root
        how = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        for path in (directory, *directory.iterdir()):
            shutil.chown(path, "nobody")
    process = subprocess.Popen(
        [pgbouncer_program, str(directory / "pgbouncer.ini")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        **how,
    )
    log = []
    listening = threading.Event()

    def read():
        for line in process.stdout:
            log.append(line)
            if "process up" in line:
                listening.set()
        listening.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert listening.wait(30), "PgBouncer says nothing"
        assert process.poll() is None, f"PgBouncer ended:\n{''.join(log)}"
        yield f"postgresql://{parameters['user']}@127.0.0.1:{port}/home"
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
        with contextlib.suppress(OSError):
            shutil.rmtree(directory)
