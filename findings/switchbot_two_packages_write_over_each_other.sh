#!/usr/bin/env bash
# Two names of this field are taken twice on PyPI: both switchbot-api 2.13.1 (SwitchBot's cloud, the
# one of Home Assistant) and python-switchbot-ble 0.1.0 (Bluetooth) bring a package `switchbot_api`;
# both PySwitchbot 3.1.0 (Bluetooth) and python-switchbot 2.3.1 (cloud) bring a package `switchbot`.
#
# Seen with pip 24.0: both of a pair install without a word, `pip check` finds nothing broken, and
# both distributions say their version. The one that came last is there, the other's class cannot be
# imported. To uninstall the newcomer does not bring the first one back: files of the same name are
# gone with it, so that neither works.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'pip==24.0'

has() { # DISTRIBUTION PACKAGE NAME: prints "DISTRIBUTION VERSION: PACKAGE.NAME can be imported" or not
    "$folder/venv/bin/python" - "$@" <<'PY'
import importlib
import sys
from importlib.metadata import version

distribution, package, name = sys.argv[1:]
try:
    there = hasattr(importlib.import_module(package), name)
except ImportError as error:
    print(f"{package}: ImportError: {str(error).split(' (')[0]}")
    there = False
print(f"{distribution} {version(distribution)}: {package}.{name}", "is there" if there else "is not there")
sys.exit(not there)
PY
}

pair() { # FIRST ITS-NAME SECOND ITS-NAME PACKAGE, and `works` or `broken`: the second beside the first
    echo "-- $1, then $3"
    "$folder/venv/bin/pip" --quiet install "$1"
    has "${1%%=*}" "$5" "$2"
    "$folder/venv/bin/pip" --quiet install "$3"
    "$folder/venv/bin/pip" check
    if has "${3%%=*}" "$5" "$4"; then seen=works; else seen=broken; fi
    [ "$seen" = "$6" ] || { echo "${3%%=*} $seen beside the other" >&2 && exit 1; }
    if has "${1%%=*}" "$5" "$2"; then
        echo "both can be imported now" >&2 && exit 1
    fi
    "$folder/venv/bin/pip" --quiet uninstall --yes "${3%%=*}"
    echo "after ${3%%=*} was uninstalled:"
    if has "${1%%=*}" "$5" "$2"; then
        echo "the first one is back now" >&2 && exit 1
    fi
    "$folder/venv/bin/pip" --quiet uninstall --yes "${1%%=*}"
}

pair switchbot-api==2.13.1 SwitchBotAPI python-switchbot-ble==0.1.0 VirtualSwitchBot switchbot_api works
pair PySwitchbot==3.1.0 parse_advertisement_data python-switchbot==2.3.1 SwitchBot switchbot broken
