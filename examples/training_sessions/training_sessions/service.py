# What the service does, without a word of HTTP. Time, chance and the database come from
# outside, so that a test has them in hand.
import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from switchbot_store import AsyncStore
from training_sessions.limits import Attempts
from training_sessions.live import Live
from training_sessions.model import (
    BadInputError,
    CodeTakenError,
    Event,
    LoginError,
    NoSuchSessionError,
    Session,
    SessionEndedError,
    Trainer,
    Values,
)
from training_sessions.passwords import Passwords
from training_sessions.repository import Repository
from training_sessions.settings import KEY, Settings
from training_sessions.tokens import Role, Tokens

_LOGGER = logging.getLogger(__name__)
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # read aloud, no I or 1, no O or 0
_CODE_LENGTH = 6
_CODE_TRIES = 8
_SHORTEST_PASSWORD = 10


def random_code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))


class TrainingService:
    def __init__(
        self,
        repository: Repository,
        store: AsyncStore,
        tokens: Tokens,
        passwords: Passwords,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        new_code: Callable[[], str] = random_code,
    ) -> None:
        self.repository = repository
        self.live = Live()
        self.settings = Settings()
        self.new_code = new_code
        self._store = store
        self._tokens = tokens
        self._passwords = passwords
        self._now = now
        self._joining = Attempts(self.settings.attempts_per_minute, monotonic)
        self._logging_in = Attempts(self.settings.attempts_per_minute, monotonic)

    async def read_settings(self) -> None:
        """Take over the stored settings; BadInputError leaves those that hold."""
        self.settings = Settings.from_document(await self._store.get(KEY))
        self._joining.per_minute = self.settings.attempts_per_minute
        self._logging_in.per_minute = self.settings.attempts_per_minute

    async def change_settings(self, **changes: int) -> None:
        """Store some settings, beside what others store meanwhile."""
        Settings.from_document(changes)
        await self._store.update(KEY, lambda document: {**document, **changes})
        await self.read_settings()

    # trainers

    async def register(self, name: str, password: str, address: str | None) -> None:
        if len(password) < _SHORTEST_PASSWORD:
            raise BadInputError(f"a password has {_SHORTEST_PASSWORD} characters")
        self._logging_in.spend(address)
        trainer = Trainer(
            id=uuid4(),
            name=name,
            password_hash=await self._passwords.hashed(password),
            created_at=self._now(),
        )
        await self.repository.add_trainer(trainer)

    async def login(self, name: str, password: str, address: str | None) -> str:
        """Return a trainer's token."""
        self._logging_in.spend(address)
        trainer = await self.repository.trainer_named(name)
        known = trainer.password_hash if trainer else None
        if not await self._passwords.match(known, password) or trainer is None:
            raise LoginError("no such name and password")
        self._logging_in.give_back(address)
        return self._tokens.issue("trainer", trainer.id, self.settings.login_seconds)

    def whose(self, token: str) -> tuple[Role, UUID]:
        """Return the trainer, or the session of a trainee, that a token is for."""
        return self._tokens.read(token)

    def trainer(self, token: str) -> UUID:
        role, trainer_id = self._tokens.read(token)
        if role != "trainer":
            raise LoginError("log in as a trainer")
        return trainer_id

    # sessions

    async def open_session(self, trainer_id: UUID, title: str) -> Session:
        now = self._now()
        session_id = uuid4()
        for _ in range(_CODE_TRIES):
            session = Session(
                id=session_id,
                code=self.new_code(),
                trainer_id=trainer_id,
                title=title,
                opened_at=now,
                expires_at=now + timedelta(seconds=self.settings.session_seconds),
            )
            try:
                await self.repository.open_session(session)
            except CodeTakenError:
                continue  # only the database knows, so it is asked by trying
            _LOGGER.info("session %s is open until %s", session.id, session.expires_at)
            return session
        raise CodeTakenError(f"no free code in {_CODE_TRIES} tries")

    async def session_of(self, trainer_id: UUID, session_id: UUID) -> Session:
        session = await self.repository.session(session_id)
        if session is None or session.trainer_id != trainer_id:
            raise NoSuchSessionError("no such session")
        return session

    async def join(
        self, code: str, name: str, address: str | None
    ) -> tuple[Session, str]:
        """Return the session with this code and a trainee's token for it."""
        self._joining.spend(address)
        now = self._now()
        session = await self.repository.open_session_with(code.upper(), now)
        if session is None:
            raise NoSuchSessionError("no such session")
        self._joining.give_back(address)
        joined = Event(
            id=uuid4(),
            session_id=session.id,
            kind="joined",
            sequence=session.sequence,
            data={"name": name},
            happened_at=now,
        )
        await self.repository.add_event(joined)
        left = session.expires_at - now
        token = self._tokens.issue("trainee", session.id, left.total_seconds())
        return session, token

    async def open_session_seen_by(
        self, token: str, session_id: UUID | None
    ) -> Session:
        """Return the open session that a token lets see; SessionEndedError."""
        role, subject = self._tokens.read(token)
        if role == "trainer":
            if session_id is None:
                raise BadInputError("a trainer says which session")
            session = await self.session_of(subject, session_id)
        else:
            found = await self.repository.session(subject)
            if found is None or session_id not in {None, found.id}:
                raise NoSuchSessionError("no such session")
            session = found
        if not session.is_open(self._now()):
            raise SessionEndedError("the session has ended")
        return session

    async def publish(self, session_id: UUID, event_id: UUID, values: Values) -> Event:
        """Keep the values, then tell all who watch."""
        event = await self.repository.record_values(
            session_id, event_id, values, self._now()
        )
        self.live.tell(event)
        return event

    async def close_session(self, trainer_id: UUID, session_id: UUID) -> None:
        await self.session_of(trainer_id, session_id)
        await self.repository.close_session(session_id, self._now())
        await self._tell_the_ended()

    async def expire(self) -> int:
        """End what is over, tell who watches it, and read the settings anew."""
        expired = await self.repository.expire(self._now())
        # Not only those: another process, or an attempt whose answer was lost, may
        # have ended a session that is watched here.
        await self._tell_the_ended()
        await self.read_settings()
        return expired

    async def _tell_the_ended(self) -> None:
        ended = await self.repository.ended_among(self.live.session_ids)
        for session_id, reason in ended.items():
            self.live.end(session_id, reason)
