"""The devices of a simulated account, each as the cloud would show it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from switchbot_automation.cloud.catalog.catalog import device_types
from switchbot_automation.simulation.faults import RefusedError
from switchbot_automation.simulation.house.aircon import AirconMode, AirconSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from switchbot_automation.simulation.faults import Faults
    from switchbot_automation.simulation.house.meter import Meter, MeterReport

NO_HUB = "000000000000"
Body = dict[str, Any]


def invalid_parameter() -> RefusedError:
    """Return the cloud's answer to a parameter that it cannot read."""
    return RefusedError("param is invalid", status_code=190)


def unsupported(command: str) -> RefusedError:
    """Return the cloud's answer to a command that the device does not have.

    It tells a command that no device knows (160) from one of another type (151).
    """
    if any(product.command(command) for product in device_types()):
        return RefusedError("device type error", status_code=151)
    return RefusedError("Command is not supported", status_code=160)


def check_tag(command: str) -> None:
    """Refuse what is no index of a remote's preset button."""
    if not (command.isascii() and command.isdecimal()):
        raise invalid_parameter()


class OwningAccount(Protocol):
    """What a device needs of the account that it was added to."""

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        ...

    @property
    def secret(self) -> str:
        """What encrypts passcodes."""
        ...

    def later(
        self, device: VirtualDevice, seconds: float, do: Callable[[], Body | None]
    ) -> None:
        """Let something happen later and send the event it returns."""
        ...


class VirtualDevice(ABC):
    """One entry of the account's list.

    `infrared` devices stand in the other list and have no readable status.
    """

    infrared = False

    def __init__(
        self, device_id: str, name: str, device_type: str, hub_id: str = NO_HUB
    ) -> None:
        self.device_id = device_id
        self.name = name
        self.device_type = device_type
        self.hub_id = hub_id
        self._account: OwningAccount | None = None

    @property
    def account(self) -> OwningAccount:
        """The account it was added to. RuntimeError before."""
        if self._account is None:
            msg = f"{self.device_id} is in no account"
            raise RuntimeError(msg)
        return self._account

    def attach(self, account: OwningAccount) -> None:
        """Be told of the account it was added to."""
        self._account = account

    def entry(self) -> Body:
        """Return the entry of the device list."""
        return {
            "deviceId": self.device_id,
            "deviceName": self.name,
            "deviceType": self.device_type,
            "enableCloudService": True,
            "hubDeviceId": self.hub_id,
        }

    def status(self) -> Body:
        """Return the body of the status answer."""
        return {
            "deviceId": self.device_id,
            "deviceType": self.device_type,
            "hubDeviceId": self.hub_id,
            **self.fields(),
        }

    @abstractmethod
    def fields(self) -> Body:
        """Return the fields of this device type."""

    def prepare(
        self,
        command: str,
        parameter: Any,  # noqa: ARG002 - for those that have commands
        command_type: str,  # noqa: ARG002 - likewise
    ) -> Callable[[], Body | None]:
        """Check a command; return what carries it out and tells the changed fields.

        Raises RefusedError as the cloud would refuse it.
        """
        raise unsupported(command)

    def happened(self, fields: Body) -> Body | None:
        """Change by itself; return the event context to send, if any. ValueError."""
        msg = (
            f"{self.device_type} {self.device_id} does not change so: {sorted(fields)}"
        )
        raise ValueError(msg)

    def acknowledgement(self, command: str) -> Body:  # noqa: ARG002 - keypads look at it
        """Return the body of the answer to an accepted command."""
        return {}


class HubDevice(VirtualDevice):
    """A Hub Mini: it has no status of its own."""

    def fields(self) -> Body:
        """Return the one field it has."""
        return {"version": "V5.0"}


class MeterDevice(VirtualDevice):
    """A meter that shows the last report of a simulated one."""

    def __init__(
        self,
        device_id: str,
        name: str,
        device_type: str,
        hub_id: str,
        meter: Meter,
        *,
        co2: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(device_id, name, device_type, hub_id)
        self.meter = meter
        self.co2 = co2

    def fields(self) -> Body:
        """Return temperature (Celsius), humidity and battery as last reported."""
        report = self.meter.report
        more = {} if self.co2 is None else {"CO2": round(self.co2())}
        return more | {
            "version": "V4.2",
            "temperature": report.temperature if report else 0,
            "battery": self.meter.parameters.battery,
            "humidity": report.humidity if report else 0,
        }

    def event(self, report: MeterReport) -> Body:
        """Return the webhook context of a report, without its time."""
        more = {} if self.co2 is None else {"CO2": round(self.co2())}
        return more | {
            "deviceType": _METER_EVENT_TYPES.get(self.device_type, self.device_type),
            "deviceMac": self.device_id,
            "temperature": report.temperature,
            "scale": "CELSIUS",
            "humidity": report.humidity,
            "battery": self.meter.parameters.battery,
        }


_METER_EVENT_TYPES = {"Meter": "WoMeter", "MeterPlus": "WoMeter"}


class AirconRemote(VirtualDevice):
    """An infrared remote of an air conditioner: all it does is send.

    `send` gets a function from the unit's settings to its new ones. `buttons` are the
    learned ones, by exact name. A `learned` remote ("DIY") has only on, off and them.
    """

    infrared = True

    def __init__(
        self,
        device_id: str,
        name: str,
        hub_id: str,
        send: Callable[[Callable[[AirconSettings], AirconSettings]], None],
        *,
        learned: bool = False,
        half_degrees: bool = False,
        buttons: Mapping[str, AirconSettings] | None = None,
    ) -> None:
        kind = "DIY Air Conditioner" if learned else "Air Conditioner"
        super().__init__(device_id, name, kind, hub_id)
        self.learned = learned
        self.half_degrees = half_degrees
        self.buttons: dict[str, AirconSettings] = dict(buttons or {})
        self._send = send

    def entry(self) -> Body:
        """Return the entry of the infrared list."""
        return {
            "deviceId": self.device_id,
            "deviceName": self.name,
            "remoteType": self.device_type,
            "hubDeviceId": self.hub_id,
        }

    def status(self) -> Body:
        """Return nothing: infrared cannot be read back."""
        return {}

    def fields(self) -> Body:
        """Return nothing: infrared cannot be read back."""
        return {}

    def prepare(
        self, command: str, parameter: Any, command_type: str
    ) -> Callable[[], Body | None]:
        """Check the command; see `VirtualDevice.prepare`."""
        change = self._change(command, parameter, command_type)

        def carry_out() -> None:
            self._send(change)

        return carry_out

    def _change(
        self, command: str, parameter: Any, command_type: str
    ) -> Callable[[AirconSettings], AirconSettings]:
        if command_type == "customize":
            button = self.buttons.get(command)
            if button is None:
                raise RefusedError("No this command", status_code=190)
            return lambda _settings: button
        if command_type == "tag":
            check_tag(command)
            return lambda settings: settings  # which button that is, only the hub knows
        if command in {"turnOn", "turnOff"}:
            on = command == "turnOn"
            return lambda settings: AirconSettings(
                on, settings.setpoint, settings.mode, settings.fan
            )
        if command == "setAll" and not self.learned:
            wanted = parse_set_all(parameter, half_degrees=self.half_degrees)
            return lambda _settings: wanted
        if self.learned:
            # Learned remotes say 160 even to `setAll` (homebridge-switchbot#409).
            raise RefusedError("Command is not supported", status_code=160)
        raise unsupported(command)


_COLDEST, _WARMEST = 16.0, 30.0
_SET_ALL_PARTS = 4


def parse_set_all(parameter: Any, *, half_degrees: bool = False) -> AirconSettings:
    """Read ``temperature,mode,fan,power`` as in ``26,1,3,on``.

    The temperature is 16 to 30, whole degrees also written as ``26.0``, or halves if
    the unit takes them. Raises RefusedError.
    """
    if not isinstance(parameter, str):
        raise invalid_parameter()
    parts = parameter.split(",")
    if len(parts) != _SET_ALL_PARTS or parts[3] not in {"on", "off"}:
        raise invalid_parameter()
    try:
        setpoint, mode, fan = float(parts[0]), int(parts[1]), int(parts[2])
    except ValueError as error:
        raise invalid_parameter() from error
    exact = setpoint * 2 if half_degrees else setpoint
    if not exact.is_integer() or not _COLDEST <= setpoint <= _WARMEST:
        raise invalid_parameter()
    if mode not in set(AirconMode) or fan not in _FANS:
        raise invalid_parameter()
    return AirconSettings(parts[3] == "on", setpoint, AirconMode(mode), fan)


_FANS = range(1, 5)
