# What a training session is, and every way in which asking for something can go wrong.
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

Value = str | int | float | bool | None
Values = Mapping[str, Value]
EndReason = Literal["closed", "expired"]
EventKind = Literal["opened", "joined", "values", "closed", "expired"]


@dataclass(frozen=True, kw_only=True)
class Trainer:
    id: UUID
    name: str
    password_hash: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Session:
    id: UUID
    code: str
    trainer_id: UUID
    title: str
    opened_at: datetime
    expires_at: datetime
    last_values: Values = field(default_factory=dict)
    sequence: int = 0  # grows by one with each message of values
    ended_at: datetime | None = None
    end_reason: EndReason | None = None

    def is_open(self, now: datetime) -> bool:
        # The job that ends it may be late; the instant is not.
        return self.ended_at is None and now < self.expires_at


@dataclass(frozen=True, kw_only=True)
class Event:
    id: UUID  # made by who reports it: reporting it twice is reporting it once
    session_id: UUID
    kind: EventKind
    sequence: int
    data: Values
    happened_at: datetime


# TrainingError
#  ├─ BadInputError         what was sent is not what is asked for
#  ├─ LoginError            name, password or token is wrong; never says which
#  ├─ NameTakenError        another trainer has this name
#  ├─ CodeTakenError        another open session has this code: try another
#  ├─ NoSuchSessionError    there is none, or it is not yours: never says which
#  ├─ SessionEndedError     closed or expired
#  ├─ SessionFullError      as many watch as may
#  ├─ TooManyAttemptsError  come back in .retry_after_seconds
#  └─ UnavailableError      the database is away; what was asked may have happened,
#                           and asking again with the same id is safe
class TrainingError(Exception):
    code: ClassVar = "error"


class BadInputError(TrainingError):
    code = "bad_input"


class LoginError(TrainingError):
    code = "login"


class NameTakenError(TrainingError):
    code = "name_taken"


class CodeTakenError(TrainingError):
    code = "code_taken"


class NoSuchSessionError(TrainingError):
    code = "no_such_session"


class SessionEndedError(TrainingError):
    code = "session_ended"


class SessionFullError(TrainingError):
    code = "session_full"


class TooManyAttemptsError(TrainingError):
    code = "too_many_attempts"

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"too many attempts, wait {retry_after_seconds:.0f} seconds")
        self.retry_after_seconds = retry_after_seconds


class UnavailableError(TrainingError):
    code = "unavailable"
