#!/usr/bin/env bash
# psycopg 3.3.0: a timestamptz that comes as text is not read where the session's DateStyle
# is not ISO: the loader raises NotImplementedError, which is no error of the database. The
# same column in binary is read whatever the DateStyle.
#
# Seen: the loader asks the connection for DateStyle; with "German, DMY" it raises for
# "29.10.2026 08:00:00 CET". No server is needed: the connection's one answer is given here.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'psycopg[binary]==3.3.0'
PSYCOPG_IMPL=python "$folder/venv/bin/python" - <<'PY'
from types import SimpleNamespace

from psycopg.types.datetime import TimestamptzBinaryLoader, TimestamptzLoader

OID = 1184
answers = {b"DateStyle": b"German, DMY", b"TimeZone": b"Europe/Berlin"}
pgconn = SimpleNamespace(parameter_status=answers.get)
connection = SimpleNamespace(connection=SimpleNamespace(pgconn=pgconn), adapters=None)
try:
    TimestamptzLoader(OID, connection).load(b"29.10.2026 08:00:00 CET")
except NotImplementedError as error:
    print("as text:  ", type(error).__name__, error)
else:
    raise SystemExit("it is read as text now")
binary = (846_572_400_000_000).to_bytes(8, "big", signed=True)
print("as binary:", TimestamptzBinaryLoader(OID, connection).load(binary))
PY
