# What an operator may change while the service runs: one document in the store, under
# the key "training_sessions". The expiry job reads it anew each time.
from collections.abc import Mapping
from dataclasses import dataclass, fields

from training_sessions.model import BadInputError

KEY = "training_sessions"


@dataclass(frozen=True, kw_only=True)
class Settings:
    session_seconds: int = 3600
    login_seconds: int = 12 * 3600
    attempts_per_minute: int = 10  # wrong codes or passwords, from one address
    max_message_bytes: int = 8192
    max_watching: int = 100  # connections to one session

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> "Settings":
        # Refused as a whole: half a document is not what its author meant.
        names = [each.name for each in fields(cls)]
        chosen: dict[str, int] = {}
        for name, value in document.items():
            if name not in names:
                raise BadInputError(f"no setting {name!r}; there are {names}")
            if type(value) is not int or value < 1:
                raise BadInputError(f"{name} is a whole number above 0, not {value!r}")
            chosen[name] = value
        return cls(**chosen)
