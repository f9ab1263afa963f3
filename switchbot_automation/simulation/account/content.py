"""What two talkative products keep in the cloud: diaries and recordings.

Shapes: official device documents of Kata Friends and AI MindClip (mid-2026). A test
fills the lists; the simulation invents no text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchbot_automation.simulation.faults import Call, Faults, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.simulation.account.devices import Body, VirtualDevice

_LONGEST_MILLISECONDS = 31 * 86_400_000
_DIARY_LISTS = ("diary", "diaryAI", "comicDiaryAI")


@dataclass
class Content:
    """The account's diaries (by device id and kind) and recordings.

    `recordings` and `todos` are entries of the paged lists; `transcripts` and
    `summaries` are answers by recording id, `daily` entries that hold a `summaryDate`,
    `weekly` answers by ISO week and `urgent_todos` answers by date. `iot_credential` is
    what the undocumented push stream is opened with.
    """

    faults: Faults
    devices: Mapping[str, VirtualDevice]
    diaries: dict[str, dict[str, list[Body]]] = field(default_factory=dict)
    recordings: list[Body] = field(default_factory=list)
    todos: list[Body] = field(default_factory=list)
    transcripts: dict[str, Body] = field(default_factory=dict)
    summaries: dict[str, Body] = field(default_factory=dict)
    daily: list[Body] = field(default_factory=list)
    weekly: dict[str, Body] = field(default_factory=dict)
    urgent_todos: dict[str, Body] = field(default_factory=dict)
    iot_credential: Body = field(default_factory=dict, repr=False)

    def diary(self, device_id: str, query: Mapping[str, str]) -> Body:
        """Return what was written in [startTimestamp, endTimestamp), in ms."""
        self.faults.refuse(Call.CONTENT, device_id)
        device = self.devices.get(device_id)
        if device is None:
            raise RefusedError("device not found", status_code=152)
        if device.device_type != "Kata Friends":
            raise RefusedError("device type error", status_code=151)
        start, end = _number(query, "startTimestamp"), _number(query, "endTimestamp")
        if not start < end <= start + _LONGEST_MILLISECONDS:
            raise _invalid()
        kept = self.diaries.get(device_id, {})
        body: Body = {"deviceId": device_id, "deviceType": device.device_type}
        for kind in _DIARY_LISTS:
            body[kind] = [
                entry
                for entry in kept.get(kind, [])
                if start <= entry["timestamp"] < end
            ]
        return body

    def credential(self, payload: object) -> Body:
        """Answer ``POST /v1.1/iot/credential``."""
        self.faults.refuse(Call.CONTENT)
        if not isinstance(payload, dict) or not payload.get("instanceId"):
            raise _invalid()
        return self.iot_credential

    def mindclip(self, path: str, query: Mapping[str, str]) -> Body:
        """Answer ``GET /v1.1/mindclip/{path}``."""
        self.faults.refuse(Call.CONTENT)
        match path.split("/"):
            case ["recordings"]:
                wanted = query.get("deviceID")
                return _page(
                    [one for one in self.recordings if one.get("deviceID") == wanted],
                    query,
                )
            case ["recordings", recording_id]:
                return _by_id({one["id"]: one for one in self.recordings}, recording_id)
            case ["recordings", recording_id, "transcript"]:
                return _by_id(self.transcripts, recording_id)
            case ["summaries", recording_id]:
                return _by_id(self.summaries, recording_id)
            case ["todos"]:
                done = bool(_number(query, "completedNum"))
                return _page(
                    [one for one in self.todos if one.get("isCompleted") is done], query
                )
            case ["assistant", "daily"]:
                date = _text(query, "date")
                days = [one for one in self.daily if one.get("summaryDate") == date]
                return {"list": days}
            case ["assistant", "weekly"]:
                return self.weekly.get(_text(query, "week"), {})
            case ["assistant", "urgent-todos"]:
                date = _text(query, "date")
                nothing: Body = {"summaryDate": date, "todos": []}
                return self.urgent_todos.get(date, nothing)
        raise RefusedError("Missing Authentication Token", http_status=403)


def _invalid() -> RefusedError:
    return RefusedError("param is invalid", status_code=190)


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not (text.isascii() and text.isdecimal()):
        raise _invalid()
    return int(text)


def _page(entries: list[Body], query: Mapping[str, str]) -> Body:
    number, size = _number(query, "pageNum"), _number(query, "pageSize")
    if number < 1 or size < 1:
        raise _invalid()
    return {
        "total": len(entries),
        "pageNum": number,
        "pageSize": size,
        "pages": -(-len(entries) // size),
        "list": entries[(number - 1) * size : number * size],
    }


def _by_id(found: Mapping[str, Body], recording_id: str) -> Body:
    if recording_id not in found:
        raise _invalid()
    return found[recording_id]


def _text(query: Mapping[str, str], name: str) -> str:
    text = query.get(name, "")
    if not text:
        raise _invalid()
    return text
