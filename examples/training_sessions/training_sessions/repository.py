# The contract of everything that keeps sessions; tests/test_training_repositories.py
# holds both implementations to it. Instants come from the caller, who has the clock.
#
# Every change may be repeated: an outage can hide that the first attempt worked.
from abc import ABC, abstractmethod
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from training_sessions.model import EndReason, Event, Session, Trainer, Values


class Repository(ABC):
    # Each method also raises UnavailableError.

    @abstractmethod
    async def add_trainer(self, trainer: Trainer) -> None:
        """Keep a trainer; NameTakenError, whose comparison ignores case."""

    @abstractmethod
    async def trainer_named(self, name: str) -> Trainer | None:
        """Return the trainer with this name, in any case."""

    @abstractmethod
    async def open_session(self, session: Session) -> None:
        """Keep a new session; CodeTakenError when an open one has its code."""

    @abstractmethod
    async def session(self, session_id: UUID) -> Session | None:
        """Return the session, ended or not."""

    @abstractmethod
    async def open_session_with(self, code: str, now: datetime) -> Session | None:
        """Return the session with this code, unless it has ended or expired."""

    @abstractmethod
    async def sessions_of(self, trainer_id: UUID, limit: int = 50) -> list[Session]:
        """Return a trainer's sessions, the newest first."""

    @abstractmethod
    async def record_values(
        self, session_id: UUID, event_id: UUID, values: Values, now: datetime
    ) -> Event:
        """Make these the last values; return the event with its number.

        Known by `event_id` already, it returns what was recorded then.
        SessionEndedError when the session is not open at `now`.
        """

    @abstractmethod
    async def add_event(self, event: Event) -> None:
        """Keep an event that changes nothing in its session."""

    @abstractmethod
    async def events(self, session_id: UUID, limit: int = 100) -> list[Event]:
        """Return the last events, the oldest of them first."""

    @abstractmethod
    async def close_session(self, session_id: UUID, now: datetime) -> None:
        """End a session; one that has ended stays as it is."""

    @abstractmethod
    async def expire(self, now: datetime) -> int:
        """End every session whose time is over; return how many that were."""

    @abstractmethod
    async def ended_among(self, session_ids: Collection[UUID]) -> dict[UUID, EndReason]:
        """Return those that have ended, and why."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of what was made here, not of what was handed in."""
