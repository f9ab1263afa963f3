# USE_IN_MEMORY=true: for a try-out and for tests. No method waits for anything, so each
# is one step of the event loop and as indivisible as a statement of the database.
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from training_sessions.model import (
    CodeTakenError,
    EndReason,
    Event,
    EventKind,
    NameTakenError,
    Session,
    SessionEndedError,
    Trainer,
    Values,
)
from training_sessions.repository import Repository


class MemoryRepository(Repository):
    def __init__(self) -> None:
        self._trainers: dict[str, Trainer] = {}
        self._sessions: dict[UUID, Session] = {}
        self._events: dict[UUID, Event] = {}

    async def add_trainer(self, trainer: Trainer) -> None:
        known = self._trainers.setdefault(trainer.name.lower(), trainer)
        if known.id != trainer.id:
            raise NameTakenError(f"there is a trainer {trainer.name!r}")

    async def trainer_named(self, name: str) -> Trainer | None:
        return self._trainers.get(name.lower())

    async def open_session(self, session: Session) -> None:
        if session.id in self._sessions:
            return
        for other in self._sessions.values():
            if other.code == session.code and other.ended_at is None:
                raise CodeTakenError("an open session has this code")
        self._sessions[session.id] = session
        self._note(session, "opened", session.opened_at)

    async def session(self, session_id: UUID) -> Session | None:
        return self._sessions.get(session_id)

    async def open_session_with(self, code: str, now: datetime) -> Session | None:
        for session in self._sessions.values():
            if session.code == code and session.is_open(now):
                return session
        return None

    async def sessions_of(self, trainer_id: UUID, limit: int = 50) -> list[Session]:
        own = [s for s in self._sessions.values() if s.trainer_id == trainer_id]
        return sorted(own, key=lambda s: s.opened_at, reverse=True)[:limit]

    async def record_values(
        self, session_id: UUID, event_id: UUID, values: Values, now: datetime
    ) -> Event:
        session = self._sessions.get(session_id)
        known = self._events.get(event_id)
        if known is not None and known.session_id == session_id:
            return known
        if known is not None or session is None or not session.is_open(now):
            raise SessionEndedError("the session has ended")
        session = replace(
            session, last_values=dict(values), sequence=session.sequence + 1
        )
        self._sessions[session_id] = session
        event = Event(
            id=event_id,
            session_id=session_id,
            kind="values",
            sequence=session.sequence,
            data=session.last_values,
            happened_at=now,
        )
        self._events[event_id] = event
        return event

    async def add_event(self, event: Event) -> None:
        self._events.setdefault(event.id, event)

    async def events(self, session_id: UUID, limit: int = 100) -> list[Event]:
        return [e for e in self._events.values() if e.session_id == session_id][-limit:]

    async def close_session(self, session_id: UUID, now: datetime) -> None:
        session = self._sessions.get(session_id)
        if session is not None and session.ended_at is None:
            self._end(session, "closed", now)

    async def expire(self, now: datetime) -> int:
        over = [
            session
            for session in self._sessions.values()
            if session.ended_at is None and session.expires_at <= now
        ]
        for session in over:
            self._end(session, "expired", now)
        return len(over)

    async def ended_among(self, session_ids: Collection[UUID]) -> dict[UUID, EndReason]:
        found = [self._sessions[i] for i in session_ids if i in self._sessions]
        return {s.id: s.end_reason for s in found if s.end_reason is not None}

    async def close(self) -> None:
        """Nothing was made that outlives this object."""

    def _end(self, session: Session, reason: EndReason, now: datetime) -> None:
        ended = replace(session, ended_at=now, end_reason=reason)
        self._sessions[session.id] = ended
        self._note(ended, reason, now)

    def _note(self, session: Session, kind: EventKind, now: datetime) -> None:
        event_id = uuid4()
        self._events[event_id] = Event(
            id=event_id,
            session_id=session.id,
            kind=kind,
            sequence=session.sequence,
            data={},
            happened_at=now,
        )
