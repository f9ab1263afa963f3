"""The cloud's side of one account: devices, scenes and quota.

It speaks in the bodies and refusals of the real cloud. The in-process client turns them
into objects and typed errors, the HTTP server into envelopes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from switchbot_automation.simulation.account.content import Content
from switchbot_automation.simulation.faults import Call, Fault, Faults, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date, datetime

    from switchbot_automation.simulation.account.devices import Body, VirtualDevice
    from switchbot_automation.simulation.account.push import Push

DAILY_LIMIT = 10_000
DEFAULT_SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - made up, for loopback


class QuotaShape(StrEnum):
    """How an over-quota call is answered; all of them were seen."""

    UNAUTHORIZED = "401"
    BODY_190 = "190"
    TOO_MANY = "429"
    TOO_MANY_TEXT = "429 text"


@dataclass(frozen=True, slots=True)
class SceneStep:
    """One command of a scene."""

    device_id: str
    command: str
    parameter: Any = "default"
    command_type: str = "command"


@dataclass(frozen=True, slots=True)
class VirtualScene:
    """A manual scene of the phone app."""

    scene_id: str
    name: str
    steps: tuple[SceneStep, ...] = ()


class Account:
    """One account.

    `server_now` is the cloud's own clock (aware UTC), `elapsed` the seconds since the
    home's start, `after(seconds, do)` lets something happen in the home later. `calls`
    counts what was granted or refused for other reasons than the quota, by kind; `push`
    is the account's webhook; `secret` encrypts the passcodes in the device list;
    `content` holds diaries and recordings.
    """

    def __init__(
        self,
        *,
        faults: Faults,
        push: Push,
        server_now: Callable[[], datetime],
        elapsed: Callable[[], float],
        after: Callable[[float, Callable[[], None]], None],
        daily_limit: int = DAILY_LIMIT,
        quota_shape: QuotaShape = QuotaShape.BODY_190,
        command_delay_seconds: float = 2.0,
    ) -> None:
        self.faults = faults
        self.push = push
        self.secret = DEFAULT_SECRET
        self.daily_limit = daily_limit
        self.quota_shape: QuotaShape = QuotaShape(quota_shape)
        self.command_delay_seconds = command_delay_seconds
        self.devices: dict[str, VirtualDevice] = {}
        self.scenes: dict[str, VirtualScene] = {}
        self.calls: Counter[Call] = Counter()
        self.content: Content = Content(faults, self.devices)
        self._server_now = server_now
        self._elapsed = elapsed
        self._after = after
        self._day: date | None = None
        self._used = 0

    def add(self, *devices: VirtualDevice) -> None:
        """Add devices, replacing those of the same id."""
        for device in devices:
            self.devices[device.device_id] = device
            device.attach(self)

    def add_scenes(self, scenes: Iterable[VirtualScene]) -> None:
        """Add manual scenes, replacing those of the same id."""
        for scene in scenes:
            self.scenes[scene.scene_id] = scene

    # --- quota --------------------------------------------------------------------

    @property
    def used_today(self) -> int:
        """Calls counted in the running UTC day."""
        self._turn_day()
        return self._used

    @property
    def remaining(self) -> int:
        """Calls left in the running UTC day."""
        return max(0, self.daily_limit - self.used_today)

    def use_elsewhere(self, calls: int) -> None:
        """Let another program on the same account use up `calls`."""
        self._turn_day()
        self._used += calls

    def charge(self, call: Call) -> None:
        """Count one authenticated call; raise RefusedError when none is left."""
        self._turn_day()
        if self._used >= self.daily_limit:
            raise _over_quota(self.quota_shape)
        self._used += 1
        self.calls[call] += 1

    def _turn_day(self) -> None:
        today = self._server_now().date()
        if today != self._day:
            self._day = today
            self._used = 0

    # --- devices ------------------------------------------------------------------

    def list_devices(self) -> Body:
        """Return the body of the device list."""
        self.faults.refuse(Call.DEVICES)
        strike = self.faults.strike
        if strike(Fault.LIST_ERROR, call=Call.DEVICES):
            raise RefusedError(
                "Cannot read properties of undefined (reading 'deviceType')",
                status_code=190,
            )
        body: Body = {"deviceList": [], "infraredRemoteList": []}
        if strike(Fault.EMPTY_LIST, call=Call.DEVICES):
            return body
        for device in self.devices.values():
            key = "infraredRemoteList" if device.infrared else "deviceList"
            body[key].append(self._disturbed_entry(device))
        return body

    def _disturbed_entry(self, device: VirtualDevice) -> Body:
        entry = device.entry()
        if self.faults.active:
            for fault, disturb in _ENTRY_FAULTS.items():
                if self.faults.strike(fault, device_id=device.device_id):
                    disturb(entry)
        return entry

    def status(self, device_id: str) -> Body:
        """Return the body of a device's status."""
        device = self._device(device_id)
        self.faults.refuse(Call.STATUS, device_id)
        body = device.status()
        if not self.faults.active:
            return body
        strike = self.faults.strike
        if strike(Fault.EMPTY_STATUS, device_id=device_id, call=Call.STATUS):
            return {}
        if strike(Fault.ZEROS, device_id=device_id, call=Call.STATUS):
            body = {key: _zero(value) for key, value in body.items()}
            body["hubDeviceId"] = "000000000000"
        if "moving" in body and strike(
            Fault.MOVING_AS_NUMBER, device_id=device_id, call=Call.STATUS
        ):
            body["moving"] = body.get("slidePosition", 0)
        return body

    def command(self, device_id: str, payload: Any) -> Body:
        """Accept a command from the body of its request; return the answer's body."""
        device = self._device(device_id)
        self.faults.refuse(Call.COMMAND, device_id)
        step = _read_command(device_id, payload)
        self._perform(device, step)
        return device.acknowledgement(step.command)

    def _perform(self, device: VirtualDevice, step: SceneStep) -> None:
        carry_out = device.prepare(step.command, step.parameter, step.command_type)
        strike = self.faults.strike
        if self.faults.active:
            if step.command == "setAll" and strike(
                Fault.SETALL_IGNORED, device_id=device.device_id, call=Call.COMMAND
            ):
                carry_out = device.prepare("setAll", "25,2,1,on", "command")
            if strike(Fault.LOST, device_id=device.device_id, call=Call.COMMAND):
                return
        delay = self.command_delay_seconds
        late = strike(Fault.DELAYED, device_id=device.device_id, call=Call.COMMAND)
        if late is not None:
            delay += late.seconds

        self.later(device, delay, carry_out)

    def later(
        self, device: VirtualDevice, seconds: float, do: Callable[[], Body | None]
    ) -> None:
        """Let something happen in the home later and send the event it returns."""

        def happen() -> None:
            context = do()
            if context:
                self.push.emit(device.device_id, context, self._elapsed())

        self._after(seconds, happen)

    def _device(self, device_id: str) -> VirtualDevice:
        device = self.devices.get(device_id)
        if device is None:
            raise RefusedError("device not found", status_code=152)
        return device

    # --- scenes -------------------------------------------------------------------

    def list_scenes(self) -> list[Body]:
        """Return the body of the scene list."""
        self.faults.refuse(Call.SCENES)
        return [
            {"sceneId": scene.scene_id, "sceneName": scene.name}
            for scene in self.scenes.values()
        ]

    def run_scene(self, scene_id: str) -> Body:
        """Carry out a scene; its steps share the fate of commands."""
        scene = self.scenes.get(scene_id)
        if scene is None:
            raise RefusedError("param is invalid", status_code=190)
        self.faults.refuse(Call.RUN_SCENE, scene_id)
        if self.faults.strike(Fault.LOST, device_id=scene_id, call=Call.RUN_SCENE):
            return {}
        for step in scene.steps:
            device = self.devices.get(step.device_id)
            if device is not None:
                self._perform(device, step)
        return {}


def _over_quota(shape: QuotaShape) -> RefusedError:
    if shape is QuotaShape.UNAUTHORIZED:
        return RefusedError("Unauthorized", http_status=401)
    if shape is QuotaShape.BODY_190:
        return RefusedError("Requests reached the daily limit", status_code=190)
    text = "Too Many Requests" if shape is QuotaShape.TOO_MANY_TEXT else None
    return RefusedError("Too Many Requests", http_status=429, text=text)


def _read_command(device_id: str, payload: Any) -> SceneStep:
    if not isinstance(payload, dict):
        raise RefusedError("param is invalid", status_code=190)
    if "parameter" not in payload:
        raise RefusedError(
            "Cannot read properties of undefined (reading 'toString')",
            status_code=190,
        )
    command = payload.get("command")
    if not isinstance(command, str) or not command:
        raise RefusedError("param is invalid", status_code=190)
    command_type = payload.get("commandType", "command")
    # `tag`, a preset button by its index, is undocumented (SwitchBotAPI#232).
    if command_type not in ("command", "customize", "tag"):
        raise RefusedError("param is invalid", status_code=190)
    return SceneStep(device_id, command, payload["parameter"], command_type)


def _zero(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return 0 if number else value


def _own_hub(entry: Body) -> None:
    entry["hubDeviceId"] = entry["deviceId"]


_ENTRY_FAULTS: dict[Fault, Callable[[Body], object]] = {
    Fault.NO_DEVICE_TYPE: lambda entry: entry.pop("deviceType", None),
    Fault.HUB_ID_NULL: lambda entry: entry.update(hubDeviceId=None),
    Fault.HUB_ID_EMPTY: lambda entry: entry.update(hubDeviceId=""),
    Fault.HUB_ID_OWN: _own_hub,
    Fault.HUB_ID_ABSENT: lambda entry: entry.pop("hubDeviceId", None),
}
