"""Keypads and locks with passcodes: accepted at once, answered later by an event."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.events.aes import BLOCK_BYTES, encrypt_cbc
from switchbot_automation.simulation.account.families import CatalogDevice
from switchbot_automation.simulation.faults import Call, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_automation.simulation.account.devices import Body

_DONE_SECONDS = 4.0
_TIMEOUT_SECONDS = 60.0


class KeypadDevice(CatalogDevice):
    """A device with `createKey` and `deleteKey`.

    `keys` are its passcodes by id, with the plain password; the list shows them as the
    cloud does, the password encrypted with the account's secret.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.keys: dict[str, Body] = {}
        self._commands = 0
        self._key_ids = 10

    def entry(self) -> Body:
        """Return the entry of the device list with its `keyList`."""
        entry = super().entry()
        entry["keyList"] = [self._listed(key) for key in self.keys.values()]
        return entry

    def prepare(
        self, command: str, parameter: Any, command_type: str
    ) -> Callable[[], Body | None]:
        """Check the command; see `VirtualDevice.prepare`."""
        checked = self._checked(command, parameter, command_type)
        if command not in {"createKey", "deleteKey"}:
            return super().prepare(command, parameter, command_type)
        self._commands += 1
        command_id = self._command_id()
        return lambda: self._begin(command, checked, command_id)

    def acknowledgement(self, command: str) -> Body:
        """Name the command, so that its result can be recognised."""
        if command not in {"createKey", "deleteKey"}:
            return {}
        if self.account.faults.strike(
            Fault.NO_COMMAND_ID, device_id=self.device_id, call=Call.COMMAND
        ):
            return {}
        return {"commandId": self._command_id()}

    def _command_id(self) -> str:
        return f"CMD{self.device_id}-{self._commands:02}"

    def _begin(self, command: str, parameter: Body, command_id: str) -> None:
        def strike(fault: Fault) -> bool:
            struck = self.account.faults.strike(fault, device_id=self.device_id)
            return struck is not None

        if strike(Fault.KEY_SILENT):
            return
        seconds, result = _DONE_SECONDS, ""
        if strike(Fault.KEY_TIMEOUT):
            seconds, result = _TIMEOUT_SECONDS, "timeout"
        elif strike(Fault.KEY_FAILED):
            result = "failed"

        def finish() -> Body:
            done = result or (
                "success" if self._apply(command, parameter) else "failed"
            )
            return self._result(command, command_id, done, parameter)

        self.account.later(self, seconds, finish)

    def _apply(self, command: str, parameter: Body) -> bool:
        if command == "deleteKey":
            return self.keys.pop(str(parameter["id"]), None) is not None
        if parameter["name"] in {key["name"] for key in self.keys.values()}:
            return False
        self._key_ids += 1
        self.keys[str(self._key_ids)] = {"id": self._key_ids, **parameter}
        return True

    def _result(
        self, command: str, command_id: str, result: str, parameter: Body
    ) -> Body:
        return {
            "deviceType": self.product.webhook_types[0],
            "deviceMac": self.device_id,
            # The documentation's own sample has the trailing blank.
            "eventName": "createKey" if command == "createKey" else "deleteKey ",
            "commandId": command_id,
            "result": result,
            "keyName": parameter.get("name", ""),
        }

    def _listed(self, key: Body) -> Body:
        # Any block will do as a start value, if it is the same at each look.
        start = hashlib.md5(
            f"{self.device_id}/{key['id']}".encode(), usedforsecurity=False
        ).digest()
        cipher = encrypt_cbc(
            key["password"].encode(), _cipher_key(self.account.secret), start
        )
        return {
            "id": key["id"],
            "name": key["name"],
            "type": key["type"],
            "password": base64.b64encode(cipher).decode("ascii"),
            "iv": start.hex(),
            "status": "normal",
            "createTime": key.get("startTime", 0),
        }


def _cipher_key(secret: str) -> bytes:
    """Return the secret as AES key; a test's own that is no hex is made into one."""
    try:
        key = bytes.fromhex(secret)
    except ValueError:
        key = b""
    if len(key) == BLOCK_BYTES:
        return key
    return hashlib.md5(secret.encode(), usedforsecurity=False).digest()
