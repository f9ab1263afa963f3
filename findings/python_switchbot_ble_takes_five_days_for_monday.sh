#!/usr/bin/env bash
# python-switchbot-ble 0.1.0 reads and writes the timers that a SwitchBot Bot keeps by itself. The
# byte "Repeat" of a timer has one bit a day (bits 6 to 0: Sunday to Monday) and bit 7 is 1 for a
# timer that runs once (OpenWonderLabs/SwitchBotAPI-BLE, devicetypes/bot.md, 0x08 and 0x09).
#
# Seen: a timer of Monday to Friday is read as one of Monday alone, a timer of the weekend as one of
# no day, for a bit that is set is compared with 1. And no timer can be written at all: the bytes
# are put together without the one that says what to do, and their own check of the length
# (11 bytes) then refuses the 10 with a UserWarning that is raised. A Bot of no group is a member of
# group A, since the groups' numbers 0 to 3 are used as bits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'python-switchbot-ble==0.1.0' 'bleak==1.1.1'
"$folder/venv/bin/python" - <<'PY'
import asyncio
from datetime import timedelta

from switchbot_api.alarm_info import AlarmExecAction, AlarmExecType, AlarmInfo, DayOfWeek
from switchbot_api.bot_information import BotInformation
from switchbot_api.switchbot import VirtualSwitchBot

DAYS = {"monday to friday": 0b0011111, "monday": 0b0000001, "weekend": 0b1100000}


def read(repeat):
    """What the library makes of the answer to 0x08 0x03: one task, the first, at 06:30, press."""
    bot = BotInformation()
    bot.update_alarm(bytearray([1, 0, repeat, 6, 30, 0, 0, 0, 0, 0, 0]))
    (alarm,) = bot.active_alarms
    assert alarm.execute_repeatedly and alarm.execution_time == timedelta(hours=6, minutes=30)
    return [day.name for day in alarm.valid_days]


for name, bits in DAYS.items():
    print(f"{name}: {read(bits)}")
assert read(DAYS["monday"]) == ["MONDAY"]
assert read(DAYS["monday to friday"]) == ["MONDAY"], "all five days are read now"
assert read(DAYS["weekend"]) == [], "the days of the weekend are read now"

bot = VirtualSwitchBot("AA:BB:CC:DD:EE:FF")
bot.info.alarm_count = 1
workdays = AlarmInfo(
    True,
    list(DayOfWeek)[:5],
    timedelta(hours=6, minutes=30),
    AlarmExecType.REPEATED,
    AlarmExecAction.ACTION,
    0,
    timedelta(0),
)
try:
    asyncio.run(bot.update_alarm_info(0, workdays))
except UserWarning as refused:
    print(f"writing a timer: UserWarning: {refused}")
    assert "length 10" in str(refused), refused
else:
    raise SystemExit("a timer can be written now")

of_no_group = BotInformation()
of_no_group.read_service_bytes(bytearray([0x48, 0b11000000, 100]))
print("groups of a Bot of none:", [group.name for group in of_no_group.device_groups])
assert [group.name for group in of_no_group.device_groups] == ["GROUP_A"]
PY
