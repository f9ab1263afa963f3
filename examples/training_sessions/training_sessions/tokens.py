# Signed tokens: nothing to look up, nothing to keep, and they outlive a restart.
# Changing the secret ends them all.
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from training_sessions.model import LoginError

Role = Literal["trainer", "trainee"]  # of a trainer's id, or of a session's
SHORTEST_SECRET = 32


class Tokens:
    def __init__(self, secret: bytes, now: Callable[[], datetime]) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"the secret needs {SHORTEST_SECRET} bytes or more")
        self._secret = secret
        self._now = now

    def issue(self, role: Role, subject: UUID, lifetime_seconds: float) -> str:
        until = self._now() + timedelta(seconds=lifetime_seconds)
        text = json.dumps([role, str(subject), until.timestamp()])
        payload = base64.urlsafe_b64encode(text.encode())
        return f"{payload.decode()}.{self._signature(payload)}"

    def read(self, token: str) -> tuple[Role, UUID]:
        # LoginError for all that is not a token of ours, or is over.
        payload, _, signature = token.encode(errors="replace").partition(b".")
        # Looked at only once it is known to be ours, by a comparison whose time
        # does not tell how much of it was right.
        if not hmac.compare_digest(signature, self._signature(payload).encode()):
            raise LoginError("log in first")
        try:
            role, subject, until = json.loads(base64.urlsafe_b64decode(payload))
        except (ValueError, binascii.Error) as error:
            raise LoginError("log in first") from error
        if self._now().timestamp() >= until:
            raise LoginError("log in again")
        return role, UUID(subject)

    def _signature(self, payload: bytes) -> str:
        return hmac.new(self._secret, payload, hashlib.sha256).hexdigest()
