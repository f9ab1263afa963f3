#!/usr/bin/env bash
# hvac-ir 0.7: a sender's `send` adds marks and spaces to a list, `get_durations` gives the list.
#
# Seen: a sender that is told "on" and then "off" gives, for nine makers (Carrier's two, Daikin's two,
# Fuego, Fujitsu, Hisense, Hitachi, Hyundai), the frame of "on" followed by the one of "off": whoever plays it turns
# the unit on first. For Ballu, Gree and Midea the list is begun anew, as one expects. No method
# empties it; a new sender for each command does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'hvac-ir==0.7'
"$folder/venv/bin/python" - <<'PY'
from hvac_ir import ACProtocol, get_sender

GROWING = "carriermca carriernqv daikin daikin2 fuego fujitsu hisense hitachi hyundai".split()
ANEW = ["ballu", "gree", "midea"]


def tell(sender, power):
    sender.send(
        power,
        ACProtocol.MODE_HEAT,
        ACProtocol.FAN_AUTO,
        21,
        ACProtocol.VDIR_AUTO,
        ACProtocol.HDIR_AUTO,
    )
    return list(sender.get_durations())


for make in GROWING + ANEW:
    sender = get_sender(make)()
    on = tell(sender, ACProtocol.POWER_ON)
    then_off = tell(sender, ACProtocol.POWER_OFF)
    off = tell(get_sender(make)(), ACProtocol.POWER_OFF)
    said = "on, off" if then_off == on + off else "off" if then_off == off else "something else"
    print(f"{make}: the second list says {said}")
    assert said == ("on, off" if make in GROWING else "off"), make
PY
