#!/usr/bin/env bash
# psycopg 3.2.0 (the release itself is on PyPI) cannot be installed with its extra
# "binary": that asks for a development version, psycopg-binary 3.2.0.dev1, which is not
# published. With 3.2.1 the pair exists. A lower bound of 3.2 with the extra therefore
# means 3.2.1.
#
# Seen: pip takes psycopg==3.2.0, and refuses psycopg[binary]==3.2.0 with "No matching
# distribution found for psycopg-binary==3.2.0.dev1".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip() { "$folder/venv/bin/pip" "$@"; }
pip --quiet download --no-deps --dest "$folder" 'psycopg==3.2.0'
if pip --quiet download --dest "$folder" 'psycopg[binary]==3.2.0' 2>"$folder/words"; then
    echo "psycopg[binary]==3.2.0 can be installed now" >&2
    exit 1
fi
grep --only-matching 'No matching distribution found for psycopg-binary==3.2.0.dev1' "$folder/words"
pip --quiet download --dest "$folder" 'psycopg[binary]==3.2.1' && echo "3.2.1 has both"
