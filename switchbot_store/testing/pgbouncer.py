"""A real PgBouncer as a child of the test process."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from switchbot_store.testing.postgres_server import free_port, unprivileged

if TYPE_CHECKING:
    from switchbot_store.testing.postgres_server import PostgresServer

_START_SECONDS: Final = 30.0
_KNOWS_PREPARED: Final = (1, 21)
"""Since this version it follows prepared statements, which others still do not."""


def find_pgbouncer() -> str | None:
    """Return where the program is, None where there is none."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class PgBouncer:
    """One PgBouncer in front of a server, for every database; `with` starts and ends it.

    It lets in the server's own user and `users`; `settings` are lines of its file.

    `mode` is ``session`` or ``transaction``. In the latter there are as few server connections as possible, so that clients
    change them all the time. It runs as `nobody` when the tests run as root. RuntimeError
    when the program is absent, or does not start.
    """

    def __init__(
        self,
        server: PostgresServer,
        mode: str = "transaction",
        *,
        program: str | None = None,
        users: tuple[str, ...] = (),
        settings: tuple[str, ...] = (),
    ) -> None:
        found = program or find_pgbouncer()
        if found is None:
            raise RuntimeError("PgBouncer is not installed")
        self._program = found
        self._server = server
        self._mode = mode
        self._users = (server.user, *users)
        self._settings = "\n".join(settings)
        self.port: int = free_port()
        self._directory: Path | None = None
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._log: list[str] = []

    def __enter__(self) -> Self:
        # Not below pytest's directory, which is closed to other users.
        self._directory = Path(tempfile.mkdtemp(prefix="pooler-"))
        self._directory.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IXOTH)
        users = "".join(f'"{user}" ""\n' for user in self._users)
        (self._directory / "users.txt").write_text(users)
        self.lead_to(self._server)
        if os.geteuid() == 0:  # it refuses to run as root
            for path in (self._directory, *self._directory.iterdir()):
                shutil.chown(path, "nobody")
        try:
            self.start()
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._directory is not None:
            with contextlib.suppress(OSError):
                shutil.rmtree(self._directory)

    def url(self, dbname: str = "postgres") -> str:
        """Return a URL that leads through it."""
        return f"postgresql://{self._server.user}@127.0.0.1:{self.port}/{dbname}"

    def lead_to(self, server: PostgresServer) -> None:
        """Have it lead to `server` from its next start on."""
        assert self._directory is not None, "only within `with`"
        connections = 2 if self._mode == "transaction" else 50
        (self._directory / "pgbouncer.ini").write_text(
            f"""
            [databases]
            * = host=127.0.0.1 port={server.port}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {self.port}
            unix_socket_dir =
            auth_type = trust
            auth_file = {self._directory}/users.txt
            pool_mode = {self._mode}
            default_pool_size = {connections}
            max_client_conn = 200
            {self._unprepared()}
            {self._settings}
            """.replace("\n            ", "\n")
        )

    def start(self) -> None:
        """Start it; return when it listens."""
        assert self._directory is not None, "only within `with`"
        # Its end closes the pipe a moment before it can be waited for.
        told, up = threading.Event(), threading.Event()
        process = subprocess.Popen(
            [self._program, str(self._directory / "pgbouncer.ini")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **unprivileged(Path("/")),
        )

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                self._log.append(line)
                if "process up" in line:
                    up.set()
                    told.set()
            told.set()

        self._process = process
        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()
        told.wait(_START_SECONDS)
        if not up.is_set():
            raise RuntimeError(f"PgBouncer did not start:\n{''.join(self._log)}")

    def stop(self) -> None:
        """Kill it; `start` brings it back on the same port."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        if self._reader is not None:
            self._reader.join()
        if process.stdout is not None:
            process.stdout.close()

    def _unprepared(self) -> str:
        answer = subprocess.run(
            [self._program, "--version"], check=True, capture_output=True, text=True
        ).stdout
        found = re.search(r"(\d+)\.(\d+)", answer)
        knows = found and (int(found[1]), int(found[2])) >= _KNOWS_PREPARED
        return "max_prepared_statements = 0" if knows else ""
