# One connection to one session.
#
#   -> {"type": "hello", "token": ..., "session": id}   a trainee's token names it already
#   <- {"type": "welcome", "role": ..., "title": ..., "sequence": 7, "values": {...}}
#   -> {"type": "values", "id": uuid, "values": {...}}  the trainer alone
#   <- {"type": "values", "sequence": 8, "at": ..., "values": {...}}   to all
#   <- {"type": "error", "error": "unavailable", "message": ..., "id": uuid}
#   <- {"type": "ended", "reason": "expired"}           or closed, restarting
#
# The token comes in a message, since an address ends up in logs. Who comes back after a
# lost connection finds the last values in the welcome.
import asyncio
import contextlib
import logging

from aiohttp import WSMsgType, web

from switchbot_store import StoreUnavailableError
from training_sessions import inputs
from training_sessions.live import Watcher
from training_sessions.model import BadInputError, LoginError, Session, TrainingError
from training_sessions.service import TrainingService

_LOGGER = logging.getLogger(__name__)
_HELLO_SECONDS = 10.0
_HEARTBEAT_SECONDS = 20.0
_SEND_SECONDS = 30.0
_GOODBYE_SECONDS = 3.0
_POLICY = 1008  # RFC 6455, 7.4.1


async def live(request: web.Request, service: TrainingService) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(
        heartbeat=_HEARTBEAT_SECONDS,
        timeout=_GOODBYE_SECONDS,
        max_msg_size=service.settings.max_message_bytes,
        compress=False,  # cheap to send small, costly to receive huge
    )
    await socket.prepare(request)
    await Connection(request, socket, service).serve()
    return socket


class Connection:
    def __init__(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        service: TrainingService,
    ) -> None:
        self._request = request
        self._socket = socket
        self._service = service

    async def serve(self) -> None:
        service = self._service
        try:
            token, session = await self._hello()
            # First watching, then looking: what comes between is not missed.
            most = service.settings.max_watching
            with service.live.watching(session.id, most) as watcher:
                session = await service.open_session_seen_by(token, session.id)
                is_trainer = service.whose(token)[0] == "trainer"
                await self._welcome(session, is_trainer=is_trainer)
                await self._listen(session, watcher, is_trainer=is_trainer)
        except (TrainingError, StoreUnavailableError) as error:
            with contextlib.suppress(ConnectionError):
                await self._socket.send_json(_error(error))
            await self._socket.close(code=_POLICY)

    async def _hello(self) -> tuple[str, Session]:
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                message = await self._socket.receive()
        except TimeoutError as error:
            raise LoginError("say hello first") from error
        if message.type is not WSMsgType.TEXT:
            raise LoginError("say hello first")
        fields = inputs.document(message.data)
        token = fields.get("token")
        if fields.get("type") != "hello" or not isinstance(token, str):
            raise LoginError("say hello first")
        named = fields.get("session")
        session_id = None if named is None else inputs.identifier(named)
        return token, await self._service.open_session_seen_by(token, session_id)

    async def _welcome(self, session: Session, *, is_trainer: bool) -> None:
        welcome = {
            "type": "welcome",
            "role": "trainer" if is_trainer else "trainee",
            "title": session.title,
            "expires_at": session.expires_at.isoformat(),
            "sequence": session.sequence,
            "values": dict(session.last_values),
        }
        await self._socket.send_json(welcome)

    async def _listen(
        self, session: Session, watcher: Watcher, *, is_trainer: bool
    ) -> None:
        sender = asyncio.create_task(self._forward(session, watcher))
        try:
            # One at a time: a trainer's messages are kept in the order they were sent.
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    await self._receive(session, message.data, is_trainer=is_trainer)
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender

    async def _receive(self, session: Session, raw: str, *, is_trainer: bool) -> None:
        named: object = None
        try:
            fields = inputs.document(raw)
            named = fields.get("id")
            if fields.get("type") != "values":
                raise BadInputError("only values can be sent")
            if not is_trainer:
                raise LoginError("only the trainer sends values")
            values = inputs.values(fields.get("values"))
            await self._service.publish(session.id, inputs.identifier(named), values)
        except (TrainingError, StoreUnavailableError) as error:
            await self._socket.send_json({**_error(error), "id": named})

    async def _forward(self, session: Session, watcher: Watcher) -> None:
        seen = session.sequence
        try:
            while not isinstance(news := await watcher.next(), str):
                if news.sequence <= seen:
                    continue
                seen = news.sequence
                message = {
                    "type": "values",
                    "sequence": news.sequence,
                    "at": news.happened_at.isoformat(),
                    "values": dict(news.data),
                }
                async with asyncio.timeout(_SEND_SECONDS):
                    await self._socket.send_json(message)
            async with asyncio.timeout(_SEND_SECONDS):
                await self._socket.send_json({"type": "ended", "reason": news})
                await self._socket.close()
        except (TimeoutError, ConnectionError):
            _LOGGER.info("a watcher of session %s takes nothing any more", session.id)
            if self._request.transport is not None:
                self._request.transport.abort()


def _error(error: TrainingError | StoreUnavailableError) -> dict[str, object]:
    code = error.code if isinstance(error, TrainingError) else "unavailable"
    return {"type": "error", "error": code, "message": str(error)}
