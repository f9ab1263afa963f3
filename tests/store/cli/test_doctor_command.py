"""`doctor`: mistakes made for real, found and explained."""

import dataclasses
import os
import pwd
import tempfile
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from switchbot_store import JsonStore, PostgresStore, StoreError, get_store, migrate
from switchbot_store.doctor import inspection
from switchbot_store.doctor.local import examine
from switchbot_store.testing import TcpProxy


@pytest.fixture
def doctor(invoke):
    """Run it; return its findings that are not "ok", by what they are about."""

    def run(code):
        found = invoke("doctor", "--json", code=code).json
        assert found["ok"] is (code == 0)
        trouble = [each for each in found["findings"] if each["level"] != "ok"]
        assert all(each["advice"] for each in trouble)
        return {each["check"]: each for each in trouble}

    return run


def test_a_sound_home_has_nothing_to_change(doctor, invoke, postgres):
    with PostgresStore(postgres):
        pass
    # The tests' server trades safety for speed, which is what it would find.
    found = doctor(1)
    assert found.pop("durability")["message"].startswith("fsync is off")
    found.pop("disk", None)  # where tests run in memory
    assert found == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("REVOKE ALL ON switchbot_store_migrations FROM {role}", "may not read"),
        (
            (
                "ALTER TABLE switchbot_store_migrations RENAME TO others;"
                " CREATE VIEW switchbot_store_migrations AS SELECT * FROM others;"
                " GRANT SELECT ON switchbot_store_migrations TO {role}"
            ),
            "it is no table",
        ),
    ],
    ids=["unreadable", "replaced"],
)
def test_versions_that_cannot_be_known_are_no_reason_to_upgrade(
    doctor, environment, postgres, change, said
):
    role = f"lodger_{os.urandom(4).hex()}"
    with PostgresStore(postgres):
        pass
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
        connection.execute(change.format(role=role))
        environment(POSTGRES_URL=make_conninfo(postgres, options=f"-c role={role}"))
        try:
            found = doctor(1)["schema"]
        finally:
            connection.execute(f"DROP OWNED BY {role}")
            connection.execute(f"DROP ROLE {role}")
    assert said in found["message"]
    assert "pgrade" not in found["message"] + found["advice"]


def test_a_store_of_files_has_nothing_to_change(doctor, invoke):
    found = doctor(0)
    found.pop("disk", None)
    assert found == {}
    assert "No problem was found" in invoke("doctor").out


def test_a_wrong_variable(doctor, environment):
    environment(STORE_BACKEND="redis")
    assert "STORE_BACKEND" in doctor(1)["environment"]["advice"]


def test_synchronous_commit_off(doctor, postgres_server_factory, environment):
    server = postgres_server_factory(fsync=True)
    environment(STORE_BACKEND="postgres", POSTGRES_URL=server.url())
    assert "durability" not in doctor(0)
    with server.connect() as connection:
        connection.execute("ALTER ROLE postgres SET synchronous_commit = off")
    found = doctor(1)["durability"]
    assert "synchronous_commit is off" in found["message"]


def test_an_adoption_that_has_not_ended_is_told_of(doctor, invoke, dashboard, tmp_path):
    def stop(_part, what):
        if what == "primary key":
            raise InterruptedError

    with pytest.raises(InterruptedError):
        migrate(dashboard, progress=stop)
    found = doctor(1)
    assert found["schema"]["level"] == "warning"
    assert "65% done, at: primary key" in found["schema"]["message"]
    assert "switchbot-store migrate" in found["schema"]["advice"]
    health = invoke("health", "--json").json
    assert health["status"] == "degraded"
    assert "65% done" in health["history"]["last_error"]
    made = invoke("backup", tmp_path / "half-way", "--json").json
    assert (made["documents"], made["rows"]) == (2, 202)
    done = invoke("migrate", "--no-backup", "--json")
    assert done.json["applied"] == [2, 3, 4, 5]
    assert '{"progress":' in done.err
    assert "schema" not in doctor(1)


def test_a_schema_not_migrated_is_mentioned_and_left(doctor, dashboard):
    found = doctor(1)
    assert "switchbot-store migrate" in found["schema"]["advice"]
    with psycopg.connect(dashboard) as connection:
        query = "SELECT to_regclass('switchbot_store_migrations')"
        assert connection.execute(query).fetchone() == (None,)


def test_a_host_that_demands_tls(doctor, postgres_server_factory, environment):
    server = postgres_server_factory()
    access = server.directory / "data" / "pg_hba.conf"
    access.write_text("local all all trust\nhostssl all all all trust\n")
    with server.connect() as connection:
        connection.execute("SELECT pg_reload_conf()")
    environment(STORE_BACKEND="postgres", POSTGRES_URL=server.url(sslmode="disable"))
    with server.connect() as connection:  # sees the new file, unlike the reload
        assert connection.execute(
            "SELECT count(*) FROM pg_hba_file_rules"
        ).fetchone() == (2,)
    found = doctor(1)["tls"]
    assert "POSTGRES_SSL_MODE=require" in found["advice"]


@pytest.mark.parametrize(
    ("change", "check", "advice"),
    [
        (("right", "hunter2"), "login", "%40"),
        (("/postgres", "/nowhere"), "login", "CREATE DATABASE"),
        (("postgres:right", "nobody:right"), "login", "password"),
        (("127.0.0.1", "no-such-host.invalid"), "network", "DNS"),
    ],
)
def test_who_is_not_let_in(
    doctor, postgres_server_factory, environment, change, check, advice
):
    server = postgres_server_factory(password="right")
    url = server.url()
    old, new = change
    # The user is called like the database.
    url = url.removesuffix(old) + new if old == "/postgres" else url.replace(old, new)
    environment(STORE_BACKEND="postgres", POSTGRES_URL=url)
    found = doctor(1)[check]
    assert advice in found["advice"]
    assert "hunter2" not in str(found)
    assert "right" not in found["message"]


def test_a_server_that_is_not_there(doctor, environment):
    environment(STORE_BACKEND="postgres", POSTGRES_URL="postgresql://u@127.0.0.1:1/x")
    assert "Nobody listens" in doctor(1)["network"]["advice"]


def test_a_server_that_says_nothing(doctor, environment, postgres, monkeypatch):
    parameters = psycopg.conninfo.conninfo_to_dict(postgres)
    facts = inspection.Inspection.facts
    monkeypatch.setattr(
        inspection.Inspection,
        "facts",
        lambda self, keys=(), *, seconds: facts(self, keys, seconds=1),
    )
    with TcpProxy(int(parameters["port"])) as proxy:
        proxy.black_hole()
        environment(POSTGRES_URL=f"postgresql://u@127.0.0.1:{proxy.port}/x")
        assert "firewall" in doctor(1)["network"]["advice"]


@pytest.mark.parametrize(
    ("seconds", "level", "word"),
    [(30.0, "warning", "ahead of"), (-7200.0, "problem", "behind"), (0.5, None, "")],
)
def test_a_wrong_clock(doctor, postgres, monkeypatch, seconds, level, word):
    """What the server would say were its clock wrong; it has this host's."""
    facts = inspection.Inspection.facts

    def wrong(self, *arguments, **options):
        found = facts(self, *arguments, **options)
        assert abs(found.clock_ahead_seconds) < 1
        return dataclasses.replace(found, clock_ahead_seconds=seconds, fsync="on")

    monkeypatch.setattr(inspection.Inspection, "facts", wrong)
    found = doctor(1 if level == "problem" else 0).get("clock")
    if level is None:
        assert found is None
    else:
        assert (found["level"], word in found["message"]) == (level, True)
        assert "NTP" in found["advice"]


def test_an_unencrypted_way_is_mentioned(doctor, environment):
    environment(
        STORE_BACKEND="postgres",
        POSTGRES_URL="postgresql://u@192.0.2.1/x?sslmode=disable&connect_timeout=1",
    )
    assert "in the clear" in doctor(1)["tls"]["message"]


def test_a_pooler_refuses_options(doctor, environment):
    environment(
        STORE_BACKEND="postgres",
        POSTGRES_URL="postgresql://u@x-pooler.invalid/x?options=-csearch_path%3Da",
    )
    assert "refuse" in doctor(1)["pooler"]["message"]


def test_a_directory_that_this_user_may_not_write():
    place = Path(tempfile.mkdtemp())
    user = os.geteuid()
    try:
        place.chmod(0o555)
        if user == 0:  # who may write everywhere
            os.seteuid(pwd.getpwnam("nobody").pw_uid)
        found = {
            each.check: each for each in examine({"STORE_DIRECTORY": f"{place}/x"})
        }
    finally:
        os.seteuid(user)
        place.rmdir()
    assert found["directory"].level == "problem"
    assert "cannot be written" in found["directory"].message
    assert "STORE_DIRECTORY" in found["directory"].advice


def test_a_file_in_place_of_the_directory(doctor, environment, tmp_path):
    (tmp_path / "file").write_text("")
    environment(STORE_DIRECTORY=tmp_path / "file")
    assert "not a directory" in doctor(1)["directory"]["message"]


def test_memory_is_no_place_to_keep_things(doctor, environment):
    environment(STORE_BACKEND="memory")
    assert "gone" in doctor(0)["directory"]["message"]


@pytest.mark.skipif(
    not os.access("/dev/shm", os.W_OK), reason="no directory in memory here"
)
def test_a_directory_in_memory_does_not_survive_a_power_cut(doctor, environment):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        environment(STORE_DIRECTORY=place)
        assert "power cut" in doctor(0)["disk"]["message"]


def test_a_copy_that_a_full_disk_left_old_is_named(
    doctor, invoke, environment, tmp_path, postgres
):
    mark = tmp_path / "config" / ".mirror" / "current"
    environment(POSTGRES_URL=postgres)
    with get_store() as store:
        store.set("state", {"n": 1})
    mark.unlink()
    assert "local copy lacks" in doctor(1)["journal"]["message"]
    assert "local copy lacks" in invoke("health", "--json").json["last_error"]
    environment(POSTGRES_URL="postgresql://u@127.0.0.1:1/x")
    assert "local copy lacks" in invoke("health", "--json").json["last_error"]
    environment(POSTGRES_URL=postgres)
    with get_store() as store:
        assert store.get("state") == {"n": 1}
        assert store.status().behind is False
    assert mark.exists()
    assert "journal" not in doctor(1)


def test_what_earlier_trouble_left_is_mentioned(
    doctor, invoke, environment, tmp_path, postgres
):
    config = tmp_path / "config"
    environment(POSTGRES_URL="postgresql://u@127.0.0.1:1/x")
    with get_store() as store:
        store.set("state", {"n": 1})
    environment(POSTGRES_URL=postgres)
    with PostgresStore(postgres) as store:
        store.set("state", {"n": 2})
    assert "1" in doctor(1)["journal"]["message"]
    invoke("resync")
    (config / "settings.json.corrupt-20260101T000000Z").write_text("{oops")
    (config / "history_spill.quarantine.jsonl").write_text("{}\n")
    found = doctor(1)
    assert "journal" not in found
    assert "switchbot-store conflicts" in found["conflicts"]["advice"]
    assert "settings.json.corrupt" in found["evidence"]["message"]
    assert "quarantine" in found["history"]["message"]


def test_a_file_with_a_mistake_is_named_with_line_and_column(
    doctor, environment, tmp_path
):
    config, elsewhere = tmp_path / "config", tmp_path / "etc" / "home.json"
    elsewhere.parent.mkdir()
    environment(SWITCHBOT_SETTINGS_PATH=elsewhere)
    with JsonStore(config, paths={"settings": elsewhere}) as store:
        store.set_many({"settings": {"n": 1}, "state": {"n": 1}})
    assert "documents" not in doctor(0)
    elsewhere.write_text('{\n  "n": 1\n  "m": 2\n}\n')
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert f"{elsewhere}: line 3 column 3: " in doctor(1)["documents"]["message"]
    assert before == {
        path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    }
    elsewhere.write_text("{}")
    assert "documents" not in doctor(0)


def _a_directory(name):
    def lay(directory):
        (directory / name).mkdir(parents=True)

    return lay


def _a_link_to_nothing(directory):
    directory.symlink_to("disk-that-is-not-mounted")


@pytest.mark.parametrize(
    ("lay", "named"),
    [
        (_a_directory(".lock"), ".lock"),
        (_a_directory(".pending.json"), ".pending.json"),
        (_a_directory("settings.json.previous"), "settings.json.previous"),
        (_a_link_to_nothing, "disk-that-is-not-mounted"),
    ],
)
def test_what_lies_in_the_way_of_writing_is_told_of(
    doctor, invoke, tmp_path, lay, named
):
    directory = tmp_path / "config"
    lay(directory)
    if named.startswith("settings"):
        (directory / "settings.json").write_text("{}")
    with pytest.raises(StoreError), JsonStore(directory) as store:
        store.set("settings", {"mode": "winter"})
    assert JsonStore(directory).health_check() is False
    assert any(named in each["message"] for each in doctor(1).values())
    health = invoke("health", "--json", code=1).json
    assert health["status"] == "error"
    assert named in health["last_error"]


def test_a_column_that_somebody_dropped(doctor, invoke, postgres):
    invoke("migrate", "--no-backup")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("ALTER TABLE state_history DROP temperature CASCADE")
    assert "switchbot-store migrate" in doctor(1)["schema"]["advice"]
    invoke("migrate", "--no-backup")
    assert "schema" not in doctor(1)


def test_a_database_that_checks_no_texts(doctor, invoke, postgres, environment):
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "CREATE DATABASE unchecked TEMPLATE template0 ENCODING 'SQL_ASCII'"
            " LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        try:
            url = psycopg.conninfo.make_conninfo(postgres, dbname="unchecked")
            environment(POSTGRES_URL=url)
            invoke("migrate", "--no-backup")
            with psycopg.connect(url) as beside:
                beside.execute(
                    "INSERT INTO state_history (zone, timestamp) VALUES"
                    r" (convert_from('\xfe'::bytea, 'SQL_ASCII'), now())"
                )
            assert "SQL_ASCII" in doctor(1)["encoding"]["advice"]
        finally:
            connection.execute("DROP DATABASE unchecked WITH (FORCE)")
