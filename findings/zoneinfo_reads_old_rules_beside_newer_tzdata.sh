#!/usr/bin/env bash
# zoneinfo (seen with CPython 3.11) reads the operating system's rules wherever it has the zone,
# and asks the package tzdata only for zones that are missing there, however much newer that
# package is. Installing a new tzdata therefore changes nothing on an old system.
#
# Seen: with the rules of tzdata 2024.1 in the place of the system's and tzdata 2025.2
# installed, America/Asuncion is at -04:00 in July 2026; it has been at -03:00 all year
# since the end of 2024. Without the system's rules the package is read.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip() { "$folder/venv/bin/pip" --quiet "$@"; }
pip install --no-deps --target "$folder/old" 'tzdata==2024.1'
pip install 'tzdata==2025.2'
offset() {
    "$folder/venv/bin/python" - <<'PY'
from datetime import datetime
from zoneinfo import ZoneInfo

print(datetime(2026, 7, 1, tzinfo=ZoneInfo("America/Asuncion")).isoformat())
PY
}
beside=$(PYTHONTZPATH="$folder/old/tzdata/zoneinfo" offset)
alone=$(PYTHONTZPATH="" offset)
echo "old system, new package: $beside"
echo "new package alone:       $alone"
[[ $beside == *-04:00 && $alone == *-03:00 ]]
