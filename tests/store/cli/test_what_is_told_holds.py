"""`health` and `doctor` try what the program does, and change nothing by it."""

import os
import pwd
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from switchbot_store import (
    HistorySample,
    HistorySpill,
    JsonStore,
    SqliteHistory,
    StoreConfig,
    StoreConfigError,
    StoreError,
    get_history,
    get_store,
)
from switchbot_store.doctor import local as doctor_local
from switchbot_store.doctor.refusals import diagnosis
from tests.cases import slow_after

AT = datetime(2026, 1, 10, 8, tzinfo=UTC)
AWAY = "postgresql://postgres:hunter2@127.0.0.1:1/home"
COMMANDS = [
    ("get", "settings"),
    ("get",),
    ("set", "settings", "{}"),
    ("health",),
    ("doctor",),
    ("backup", "backup.zip"),
    ("conflicts",),
    ("history", "status"),
    ("history", "export", "-"),
    ("history", "clean"),
]


def everything(place):
    """Return each file's bytes and times below a directory."""
    return {
        path: (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in [place, *place.rglob("*")]
    }


@pytest.fixture
def home(tmp_path):
    """A home on files: two documents, each with an earlier generation, and a row."""
    config = tmp_path / "config"
    with JsonStore(config) as store:
        for number in range(2):
            store.set_many({"settings": {"n": number}, "state": {"n": number}})
    with closing(SqliteHistory(config / "history.sqlite3")) as history:
        history.write([HistorySample(AT, temperature=20.0)], now=AT)
    with closing(HistorySpill(config / "history_spill.sqlite3")) as spill:
        spill.append([HistorySample(AT)])
    return config


@contextmanager
def as_nobody():
    if os.geteuid() != 0:
        pytest.skip("only root may become another user")
    nobody = pwd.getpwnam("nobody")
    # Of root's group it would be let in where all others are not, and the reverse.
    os.setegid(nobody.pw_gid)
    os.seteuid(nobody.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def _keep(_home):
    pass


def _nul(home):
    (home / "settings.json").write_bytes(b"\0" * 50)


def _both_bad(home):
    for name in ("settings.json", "settings.json.previous", ".settings.good"):
        (home / name).write_bytes(b"\0" * 50)


def _edited(home):
    (home / "settings.json").write_text('{"n": 1,}')


def _malformed(home):
    (home / "history.sqlite3").write_bytes(b"no database" * 1000)


def _malformed_spill(home):
    (home / "history_spill.sqlite3").write_bytes(b"no database" * 1000)


def _newer(home):
    with closing(sqlite3.connect(home / "history.sqlite3")) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("PRAGMA journal_mode = DELETE")


@pytest.mark.parametrize(
    ("harm", "status", "words"),
    [
        (_keep, "ok", ""),
        (_nul, "degraded", "last good is used"),
        (_both_bad, "error", "is damaged; repair it"),
        # CPython 3.13 points at the comma itself.
        (
            _edited,
            "degraded",
            f"line 1 column {8 if sys.version_info >= (3, 13) else 9}",
        ),
        (_malformed, "error", "it is damaged: stop the programs"),
        (_malformed_spill, "error", "it is damaged: stop the programs"),
        (_newer, "error", "upgrade this program"),
    ],
)
def test_looking_changes_nothing_and_says_what_is_wrong(
    invoke, home, harm, status, words
):
    harm(home)
    before = everything(home)
    code = 1 if status == "error" else 0
    assert invoke("health", "--json", code=code).json["status"] == status
    assert words in invoke("health", "--json", code=code).out
    found = invoke("doctor", "--json", code=0 if harm is _keep else 1)
    assert words in found.out
    after = everything(home)
    assert after.keys() == before.keys()
    assert {path: found[0] for path, found in after.items()} == {
        path: found[0] for path, found in before.items()
    }


def test_nothing_is_made_by_looking_at_nothing(invoke, tmp_path):
    assert invoke("health", "--json").json["status"] == "ok"
    invoke("doctor")
    assert list(tmp_path.iterdir()) == []


class TestDisks:
    @pytest.fixture(params=["full", "read-only"])
    def refusing(self, request, loop_disk, environment):
        environment(STORE_DIRECTORY=loop_disk.path / "config")
        return loop_disk.fill if request.param == "full" else loop_disk.fail

    def test_files_on_a_disk_that_refuses_are_an_error(
        self, invoke, loop_disk, refusing
    ):
        invoke("set", "state", "{}")
        refusing()
        assert invoke("health", "--json", code=1).json["status"] == "error"
        found = invoke("doctor", "--json", code=1)
        assert "cannot be written" in found.out

    def test_it_is_told_beside_a_database_that_takes_everything(
        self, invoke, refusing, postgres
    ):
        invoke("set", "state", "{}")
        with get_store() as store:
            store.set("state", {"n": 1})
        refusing()
        health = invoke("health", "--json").json
        assert health["status"] == "degraded"
        assert "cannot write" in health["last_error"]
        with get_store() as store:  # and so it is
            store.set("state", {"n": 2})
        assert invoke("get", "state").json == {"n": 2}

    def test_with_the_database_away_nothing_is_acknowledged(
        self, invoke, environment, refusing
    ):
        environment(STORE_BACKEND="postgres", POSTGRES_URL=AWAY)
        assert invoke("health", "--json").json["status"] == "degraded"
        refusing()
        health = invoke("health", "--json", code=1).json
        assert health["status"] == "error"
        assert "cannot write" in health["last_error"]
        assert "refused" in health["last_error"]


class TestAnotherUsersFiles:
    @pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
    @pytest.mark.parametrize("backend", ["json", "postgres"])
    @pytest.mark.parametrize("mode", slow_after(1, [0o700, 0o755]))
    def test_every_command_ends_with_an_error_of_ours(
        self, invoke, environment, home, monkeypatch, command, backend, mode
    ):
        """`invoke` raises what is no way for a command to end."""
        monkeypatch.chdir(home.parent)
        environment(STORE_BACKEND=backend, POSTGRES_URL=AWAY)
        home.chmod(mode)
        home.parent.chmod(0o755)
        for parent in home.parents:
            if parent.stat().st_mode & 0o5 != 0o5:
                parent.chmod(parent.stat().st_mode | 0o5)
        with suppress(AssertionError):
            invoke(*command)  # what it imports, another user may not read
        for path in home.iterdir():
            path.chmod(0o600)
        with as_nobody():
            try:
                done = invoke(*command, code=1)
            except AssertionError:
                # Whoever may look into the directory may be told the names in it.
                assert mode == 0o755
                assert command in {("get",), ("conflicts",)}
                done = invoke(*command)
        assert "Traceback" not in done.out + done.err

    def test_the_history_says_whose_files_they_are(self, home, environment):
        home.chmod(0o700)
        config = StoreConfig(directory=home)
        with as_nobody(), pytest.raises(StoreError, match=r"belongs to user 0|denied"):
            get_history(config)


def test_rights_that_a_role_lacks_are_found(invoke, postgres, environment):
    invoke("set", "settings", "{}")
    with psycopg.connect(postgres, autocommit=True) as admin:
        name = f"app_{os.getpid()}"
        admin.execute(f"CREATE ROLE {name} LOGIN")
        try:
            admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
            environment(
                POSTGRES_URL=psycopg.conninfo.make_conninfo(postgres, user=name)
            )
            health = invoke("health", "--json", code=1).json
            assert "documents cannot be written" in health["last_error"]
            assert "rows of history cannot be written" in health["last_error"]
            found = invoke("doctor", "--json", code=1).out
            assert "GRANT SELECT, INSERT, UPDATE, DELETE" in found
            admin.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
            assert invoke("health", "--json").json["status"] == "ok"
            assert admin.execute(
                "SELECT count(*) FROM json_store WHERE kind = '_health'"
            ).fetchone() == (0,)
        finally:
            admin.execute(f"DROP OWNED BY {name}")
            admin.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("FATAL:  Tenant or user not found", "postgres.PROJECT"),
        ("FATAL: (ENOTFOUND) tenant/user postgres.abc not found", "postgres.PROJECT"),
        ("FATAL: no tenant identifier provided (external_id or sni)", "PROJECT"),
        ("ERROR: Endpoint ID is not specified. Either please upgrade", "endpoint%3D"),
        ("ERROR: The requested endpoint could not be found", "Neon"),
        ("ERROR: The endpoint is disabled. Enable it using API", "Neon"),
        (
            "ERROR: Your project has exceeded the compute time quota. Upgrade",
            "allowance",
        ),
        ("FATAL: MaxClientsInSessionMode: max clients reached", "transaction mode"),
        ("FATAL: Circuit breaker open: too many authentication errors", "password"),
        ("connection failed: Network is unreachable", "IPv4"),
        ("FATAL: no more connections allowed (max_client_conn)", "places are taken"),
        ("transaction blocks not allowed in statement pooling mode", "pool_mode"),
        ("server closed the connection unexpectedly This probably", "hung up"),
        ('FATAL:  certificate authentication failed for user "home"', "sslcert"),
        ("SSL error: ssl/tls alert certificate expired", "sslcert"),
        ("SSL error: tlsv1 alert unknown ca", "sslcert"),
        ("FATAL:  connection requires a valid client certificate", "sslcert"),
        ('root certificate file "/x" does not exist', "POSTGRES_SSL_ROOT_CERT"),
    ],
)
def test_the_hosters_words_have_their_advice(words, advice):
    assert advice in diagnosis(words).advice


@pytest.mark.parametrize(
    ("words", "otherwise", "advice"),
    [
        (
            'PostgreSQL refuses the connection: invalid min_protocol_version: "9"',
            "Correct it.",
            "Correct it",
        ),
        ("server did not request an SSL certificate", "Correct it.", "Correct it"),
        (
            (
                'connection to server at "10.0.0.9", port 5432 failed: FATAL: could not access'
                ' file "auto_explain": No such file or directory'
            ),
            None,
            "The server is there",
        ),
        (
            (
                'connection to server at "::1", port 5432 failed: FATAL : le fichier « x »'
                " n'existe pas"
            ),
            None,
            "The server is there",
        ),
        (
            (
                'connection to server on socket "/run/x/.s.PGSQL.1" failed: No such file or'
                " directory"
            ),
            "Correct it.",
            "Nobody listens",
        ),
        ("something about the way", None, "is reachable"),
    ],
)
def test_words_that_nobody_knows_have_advice_by_where_they_are_from(
    words, otherwise, advice
):
    assert advice in diagnosis(words, otherwise).advice


def test_a_value_that_no_server_gets_to_see_is_no_matter_of_a_network(
    invoke, postgres, environment
):
    url = psycopg.conninfo.make_conninfo(postgres, sslcertmode="require")
    environment(POSTGRES_URL=url)
    found = invoke("doctor", "--json", code=1).json
    problems = [each for each in found["findings"] if each["level"] == "problem"]
    assert [each["advice"].split(":")[0] for each in problems] == [
        "Correct the setting that the message is about"
    ]


@pytest.fixture
def lodger(postgres):
    """A role as every new one of PostgreSQL 15 is: it may make no tables."""
    name = f"lodger_{os.getpid()}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        admin.execute(f"CREATE ROLE {name} LOGIN")
        yield psycopg.conninfo.make_conninfo(postgres, user=name), admin
        admin.execute(f"DROP OWNED BY {name}")
        admin.execute(f"DROP ROLE {name}")


class TestWhereNoTableCanBeMade:
    def test_no_program_starts_and_health_says_so(self, invoke, environment, lodger):
        url, _ = lodger
        environment(POSTGRES_URL=url)
        invoke("set", "settings", "{}", code=1)
        health = invoke("health", "--json", code=1).json
        assert health["status"] == "error"
        assert "GRANT CREATE ON SCHEMA public" in health["last_error"]

    def test_the_advice_names_the_schema_and_holds(self, invoke, environment, lodger):
        url, admin = lodger
        role = psycopg.conninfo.conninfo_to_dict(url)["user"]
        admin.execute("CREATE SCHEMA home")
        admin.execute(f"GRANT USAGE ON SCHEMA home TO {role}")
        url = psycopg.conninfo.make_conninfo(url, options="-c search_path=home")
        environment(POSTGRES_URL=url)
        assert "GRANT CREATE ON SCHEMA home" in invoke("doctor", "--json", code=1).out
        assert "GRANT CREATE ON SCHEMA home" in invoke("migrate", code=1).err
        admin.execute(f"GRANT CREATE ON SCHEMA home TO {role}")
        invoke("migrate")
        assert invoke("health", "--json").json["status"] == "ok"

    def test_a_schema_that_is_not_there_is_named(self, invoke, environment, postgres):
        url = psycopg.conninfo.make_conninfo(
            postgres, options="-c search_path=elsewhere"
        )
        environment(POSTGRES_URL=url)
        assert "(elsewhere)" in invoke("migrate", code=1).err
        health = invoke("health", "--json", code=1).json
        assert "(elsewhere)" in health["last_error"]
        assert "CREATE SCHEMA it" in invoke("doctor", "--json", code=1).out


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "CREATE VIEW json_store AS SELECT 'settings' AS kind",
            "json_store is no table",
        ),
        ("CREATE TYPE json_store AS (kind text)", "json_store is no table"),
        (
            (
                "CREATE TABLE json_store (kind text, data jsonb);"
                "INSERT INTO json_store VALUES ('settings', '{}'), ('settings', '{}')"
            ),
            "is duplicated",
        ),
        (
            (
                "CREATE TABLE json_store (kind text PRIMARY KEY, data jsonb, revision int);"
                "INSERT INTO json_store VALUES ('settings', '{}', 7)"
            ),
            "uuid",
        ),
        ("CREATE VIEW state_history AS SELECT now() AS timestamp", "is no table"),
        ("CREATE SEQUENCE state_history_hourly", "is no table"),
        (
            (
                "CREATE TABLE state_history (timestamp timestamptz, raw real,"
                " temperature real GENERATED ALWAYS AS (raw) STORED)"
            ),
            "generated column",
        ),
        (
            "CREATE TABLE state_history (timestamp timestamptz, temperature real[])",
            "cannot be adopted",
        ),
        (
            "CREATE TABLE device_readings (id int, value real)",
            'column "timestamp" does not exist',
        ),
    ],
)
def test_a_table_in_the_way_is_named_before_a_program_meets_it(
    invoke, postgres, statement, named
):
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(statement)
        there = "SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        before = connection.execute(there).fetchall()
        health = invoke("health", "--json", code=1).json
        assert health["status"] == "error"
        assert named in health["last_error"]
        assert "cannot be" in invoke("doctor", "--json", code=1).out
        assert connection.execute(there).fetchall() == before
    assert named in invoke("migrate", "--no-backup", code=1).err


def test_a_dashboards_history_that_waits_for_its_migration_is_no_fault(
    invoke, dashboard
):
    invoke("set", "settings", "{}")  # which brings documents up to date alone
    health = invoke("health", "--json").json
    assert (health["status"], health["last_error"]) == ("ok", None)
    assert "0002_state_history" in health["missing_migrations"]
    found = invoke("doctor", "--json", code=1).json["findings"]
    problems = {each["check"] for each in found if each["level"] == "problem"}
    assert problems == {"durability"}  # that of a server for tests


class TestHome:
    def test_a_tilde_is_the_users_home(self, invoke, environment, tmp_path):
        environment(
            HOME=tmp_path,
            STORE_DIRECTORY="~/switchbot",
            SWITCHBOT_STATE_PATH="~/elsewhere/state.json",
        )
        invoke("set", "settings", "{}")
        invoke("set", "state", "{}")
        assert (tmp_path / "switchbot" / "settings.json").is_file()
        assert (tmp_path / "elsewhere" / "state.json").is_file()
        assert not Path("~").exists()

    def test_one_that_is_not_known_is_a_wrong_setting(self):
        with pytest.raises(StoreConfigError, match="STORE_DIRECTORY") as raised:
            StoreConfig.from_env({"STORE_DIRECTORY": "~nobody-of-that-name/x"})
        assert raised.value.variable == "STORE_DIRECTORY"


class TestSqlite:
    @pytest.mark.parametrize(
        ("version", "level"),
        [
            ((3, 40, 1), "warning"),
            ((3, 44, 6), "ok"),
            ((3, 45, 0), "warning"),
            ((3, 50, 7), "ok"),
            ((3, 51, 2), "warning"),
            ((3, 51, 3), "ok"),
            ((3, 53, 0), "ok"),
        ],
    )
    def test_its_defect_is_told_where_processes_share_a_file(
        self, invoke, home, monkeypatch, version, level
    ):
        monkeypatch.setattr(doctor_local.sqlite3, "sqlite_version_info", version)
        assert _sqlite(invoke)["level"] == "ok"
        if not Path("/proc/self/fd").is_dir():
            pytest.skip("which processes have a file open is not told here")
        program = "import sys; file = open(sys.argv[1]); print(flush=True); input()"
        path = home / "history.sqlite3"
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", program, path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for _ in range(2)
        ]
        try:
            for process in processes:
                process.stdout.readline()
            found = _sqlite(invoke)
            assert found["level"] == level
            assert ".".join(map(str, version)) in found["message"]
            if level == "warning":
                assert str(processes[0].pid) in found["message"]
        finally:
            for process in processes:
                process.communicate(b"\n")


def _sqlite(invoke):
    (found,) = (
        each
        for each in invoke("doctor", "--json").json["findings"]
        if each["check"] == "sqlite"
    )
    return found
