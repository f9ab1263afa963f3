"""`get_store`: what the environment asks for, and what happens when it is away."""

import builtins
import contextlib
import logging
import os
import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime

import pytest

from switchbot_store import (
    FailoverStore,
    HistorySample,
    JsonStore,
    MemoryStore,
    PostgresStore,
    StoreConfig,
    StoreConfigError,
    StoreInterface,
    StoreUnavailableError,
    get_history,
    get_store,
)

NOBODY_LISTENS = "postgresql://postgres:hunter2@127.0.0.1:1/home"


def test_by_default_documents_lie_in_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("STORE_BACKEND", "STORE_DIRECTORY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SWITCHBOT_STATE_PATH", str(tmp_path / "elsewhere.json"))
    with get_store() as store:
        assert isinstance(store, JsonStore)
        store.set_many({"settings": {"a": 1}, "state": {"b": 1}})
    assert (tmp_path / "config" / "settings.json").exists()
    assert (tmp_path / "elsewhere.json").exists()


def test_the_memory_backend():
    with get_store(StoreConfig(backend="memory")) as store:
        assert isinstance(store, MemoryStore)


def test_the_postgres_backend_is_opened_and_migrated(
    database_url, tmp_path, monkeypatch
):
    monkeypatch.setenv("STORE_BACKEND", "postgres")
    monkeypatch.setenv("POSTGRES_URL", database_url)
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path))
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    with get_store() as store:
        assert isinstance(store, FailoverStore)
        store.set("a", {"n": 1})
        assert store.get("a") == {"n": 1}
        assert "commit" in store.status().acknowledged_by
    with PostgresStore(database_url) as store:
        assert store.get("a") == {"n": 1}


def test_without_a_fallback_it_is_postgres_alone(database_url, tmp_path):
    config = StoreConfig(
        backend="postgres",
        conninfo=database_url,
        directory=tmp_path / "config",
        fallback="refuse",
    )
    with get_store(config) as store:
        assert isinstance(store, PostgresStore)
        store.set("a", {"n": 1})
    assert not (tmp_path / "config").exists()


def test_postgres_away_at_the_start_is_one_warning_and_a_journal(tmp_path, caplog):
    config = StoreConfig(
        backend="postgres", conninfo=NOBODY_LISTENS, directory=tmp_path
    )
    with caplog.at_level(logging.WARNING), get_store(config) as store:
        assert isinstance(store, FailoverStore)
        store.set("settings", {"n": 1})
        assert store.get("settings") == {"n": 1}
        assert store.status().pending == 1
        assert "hunter2" not in repr(store)
        assert "hunter2" not in str(store.status())
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "hunter2" not in caplog.text
    with get_store(config) as store:
        assert store.get("settings") == {"n": 1}


def test_postgres_away_at_the_start_is_an_error_where_files_are_refused(tmp_path):
    config = StoreConfig(
        backend="postgres",
        conninfo=NOBODY_LISTENS,
        directory=tmp_path,
        fallback="refuse",
    )
    with pytest.raises(StoreUnavailableError):
        get_store(config)


def test_a_wrong_password_or_database_never_falls_back(
    postgres_server_factory, tmp_path, monkeypatch
):
    server = postgres_server_factory(password="right")
    monkeypatch.setenv("STORE_BACKEND", "postgres")
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path / "config"))
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    wrong = {
        server.url().replace("right", "hunter2"): "password",
        server.url("no_such_database"): "does not exist",
        server.url(sslmode="require"): "SSL",
    }
    for url, reason in wrong.items():
        monkeypatch.setenv("POSTGRES_URL", url)
        with pytest.raises(StoreConfigError, match=reason) as caught:
            get_store()
        assert "hunter2" not in str(caught.value)
    assert not list((tmp_path / "config").rglob("*.json"))


def install_plugin(directory, monkeypatch, source, entry="redis = my_backend:make"):
    (directory / "my_backend.py").write_text(textwrap.dedent(source))
    metadata = directory / "my_backend-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-backend\n")
    (metadata / "entry_points.txt").write_text(f"[switchbot_store.backends]\n{entry}\n")
    monkeypatch.syspath_prepend(str(directory))
    monkeypatch.setenv("STORE_BACKEND", "redis")
    monkeypatch.delitem(sys.modules, "my_backend", raising=False)


def test_a_plug_in_is_a_backend_like_others(tmp_path, monkeypatch):
    install_plugin(
        tmp_path,
        monkeypatch,
        """
        from switchbot_store import MemoryStore
        class MyStore(MemoryStore):
            pass
        def make(config):
            store = MyStore()
            store.config = config
            return store
        """,
    )
    with get_store() as store:
        assert isinstance(store, StoreInterface)
        assert type(store).__name__ == "MyStore"
        assert store.config.backend == "redis"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", "cannot be imported"),
        ("def make(config):\n    return 5", "no StoreInterface"),
    ],
)
def test_a_plug_in_that_does_not_work_is_named(tmp_path, monkeypatch, source, reason):
    install_plugin(tmp_path, monkeypatch, source)
    with pytest.raises(StoreConfigError, match=reason) as caught:
        get_store()
    assert "redis" in str(caught.value)


def test_an_unknown_backend_lists_the_known_ones_plug_ins_too(tmp_path, monkeypatch):
    install_plugin(tmp_path, monkeypatch, "")
    monkeypatch.setenv("STORE_BACKEND", "rediss")
    with pytest.raises(StoreConfigError, match=r"json, postgres, memory.*redis"):
        get_store()


def run(program):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout


def test_files_are_kept_without_importing_the_database_driver(tmp_path):
    output = run(
        f"""
        import sys
        from switchbot_store import StoreConfig, ThreadedStore, get_store
        import switchbot_store
        with get_store(StoreConfig(directory={str(tmp_path)!r})) as store:
            ThreadedStore(store)
            store.set("a", {{}})
        print([name for name in sys.modules if name.startswith("psycopg")])
        """
    )
    assert output.strip() == "[]"


def test_the_whole_store_works_where_aiohttp_and_voluptuous_do_not():
    output = run(
        """
        import importlib, pkgutil, sys
        sys.modules["aiohttp"] = sys.modules["voluptuous"] = None
        import switchbot_store
        found = 0
        for module in pkgutil.walk_packages(switchbot_store.__path__, "switchbot_store."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
                found += 1
        for name in switchbot_store.__all__:
            assert getattr(switchbot_store, name) is not None
        print(found)
        """
    )
    assert int(output) > 20


def test_every_error_descends_from_one_root():
    from switchbot_store import errors  # noqa: PLC0415 - the module itself is looked at

    found = [item for item in vars(errors).values() if isinstance(item, type)]
    assert len(found) >= 9
    for error in found:
        assert issubclass(error, errors.StoreError)
        assert not hasattr(builtins, error.__name__)


@pytest.mark.parametrize("backend", ["json", "postgres"])
@pytest.mark.parametrize("first", ["store", "history"])
def test_the_directory_is_its_owners_alone_whoever_makes_it(
    tmp_path, database_url, backend, first
):
    directory = tmp_path / "home" / "config"
    config = StoreConfig.from_env(
        {
            "STORE_BACKEND": backend,
            "POSTGRES_URL": database_url,
            "STORE_DIRECTORY": str(directory),
            "SWITCHBOT_STATE_PATH": str(tmp_path / "elsewhere" / "state.json"),
        }
    )
    before = os.umask(0)
    try:
        opened = {"store": get_store, "history": get_history}
        names = [first, *(opened.keys() - {first})]
        with contextlib.ExitStack() as stack:
            for name in names:
                place = stack.enter_context(opened[name](config))
                if name == "store":
                    place.set_many({"settings": {"n": 1}, "state": {"n": 1}})
                else:
                    place.record(HistorySample(datetime(2026, 1, 10, tzinfo=UTC)))
                    place.flush()
    finally:
        os.umask(before)
    found = [path for path in tmp_path.rglob("*") if path.name != ".lock"]
    assert directory in found
    for path in found:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
