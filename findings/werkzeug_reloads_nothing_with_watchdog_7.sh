#!/usr/bin/env bash
# Werkzeug 3.1.9 beside watchdog 7.1.0: the reloader of `flask run --reload` notices no change
# of any file, and says nothing.
#
# Seen: Werkzeug asks watchdog for files like `*.py`; since watchdog 7 such a pattern has to
# fit the whole path, and a `*` does not stand for a `/`. With watchdog 6 it fits the name.
# A file that is named by its whole path, as `--extra-files` does, is noticed by both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/look.py" <<'PY'
import sys

from watchdog.events import FileModifiedEvent
from werkzeug._reloader import WatchdogReloaderLoop

loop = WatchdogReloaderLoop(extra_files=["/site/named.py"])
for path in ("/site/app.py", "/site/named.py"):
    loop.should_reload.clear()
    loop.event_handler.dispatch(FileModifiedEvent(path))
    print(path, "reloads" if loop.should_reload.is_set() else "is not noticed")
PY
look() {
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/pip" --quiet install 'werkzeug==3.1.9' "watchdog==$1"
    "$folder/$1/bin/python" "$folder/look.py" 2> /dev/null > "$folder/$1.txt"
    sed "s/^/watchdog $1: /" "$folder/$1.txt"
}
look 6.0.0
look 7.1.0
grep -qx '/site/app.py reloads' "$folder/6.0.0.txt" || { echo "6.0.0 does not reload"; exit 1; }
grep -qx '/site/app.py is not noticed' "$folder/7.1.0.txt" || { echo "7.1.0 reloads now"; exit 1; }
