#!/usr/bin/env bash
# python-switchbot 2.3.1 (with pyhumps 3.8.0): the name of a command goes through humps.camelize,
# which makes its first letter small. SwitchBot's own names do not agree among themselves: a
# television is told "SetChannel", a player "FastForward", "Play", "Stop", "Next" (table "Command set
# for virtual infrared remote devices" of OpenWonderLabs/SwitchBotAPI), an air conditioner "setAll".
#
# Seen: of six words that the API documents three arrive as written ("turnOn", "setAll",
# "volumeAdd") and three do not: "SetChannel" goes out as "setChannel", "FastForward" as
# "fastForward", "Play" as "play". No spelling of the argument brings them through.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'python-switchbot==2.3.1' 'pyhumps==3.8.0'
"$folder/venv/bin/python" - <<'PY'
from switchbot.remotes import Remote


class Recorder:
    """Takes what a client would post."""

    def post(self, path, json):
        self.said = json["command"]


client = Recorder()
television = Remote.create(
    client, "02-202601010000-00000000", device_name="TV", remote_type="TV"
)


def said(word):
    television.command(word)
    return client.said


for word in ("turnOn", "setAll", "volumeAdd", "SetChannel", "FastForward", "Play"):
    print(f"{word} -> {said(word)}")
assert [said(word) for word in ("turnOn", "setAll", "volumeAdd")] == [
    "turnOn",
    "setAll",
    "volumeAdd",
]
assert said("SetChannel") == "setChannel", "the word arrives as it is written now"
assert (said("FastForward"), said("Play")) == ("fastForward", "play")
for spelling in ("SetChannel", "set_channel", "Set_Channel", "_SetChannel", "set-channel"):
    assert said(spelling) != "SetChannel", spelling
PY
