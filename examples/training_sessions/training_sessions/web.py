# The HTTP side. Every answer is JSON; every error has a status, a code and a sentence.
import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from switchbot_store import StoreUnavailableError
from training_sessions import inputs, model
from training_sessions.expiry import keep_expiring
from training_sessions.model import Event, Session, TrainingError
from training_sessions.service import TrainingService
from training_sessions.websocket import live

_LOGGER = logging.getLogger(__name__)
SERVICE = web.AppKey("service", TrainingService)
_LARGEST_BODY_BYTES = 16 * 1024
_AGAIN_IN_SECONDS = "5"

STATUS: dict[type[TrainingError], HTTPStatus] = {
    model.BadInputError: HTTPStatus.BAD_REQUEST,
    model.LoginError: HTTPStatus.UNAUTHORIZED,
    model.NoSuchSessionError: HTTPStatus.NOT_FOUND,
    model.NameTakenError: HTTPStatus.CONFLICT,
    model.SessionFullError: HTTPStatus.CONFLICT,
    model.SessionEndedError: HTTPStatus.GONE,
    model.TooManyAttemptsError: HTTPStatus.TOO_MANY_REQUESTS,
    model.CodeTakenError: HTTPStatus.SERVICE_UNAVAILABLE,
    model.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def create_app(service: TrainingService) -> web.Application:
    # The service is made and closed by who calls, see wiring.py.
    app = web.Application(
        middlewares=[errors_as_json], client_max_size=_LARGEST_BODY_BYTES
    )
    app[SERVICE] = service
    app.cleanup_ctx.append(_expiry)
    app.on_shutdown.append(_say_goodbye)
    app.add_routes(
        [
            web.get("/health", health),
            web.post("/api/trainers", register),
            web.post("/api/login", login),
            web.post("/api/sessions", open_session),
            web.get("/api/sessions", own_sessions),
            web.delete("/api/sessions/{id}", close_session),
            web.get("/api/sessions/{id}/events", events),
            web.post("/api/join", join),
            web.get("/api/live", watch),
        ]
    )
    return app


async def _expiry(app: web.Application) -> AsyncIterator[None]:
    await app[SERVICE].read_settings()
    job = asyncio.create_task(keep_expiring(app[SERVICE]))
    yield
    job.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await job


async def _say_goodbye(app: web.Application) -> None:
    # Who watches comes back by itself; without this the server would wait for them.
    app[SERVICE].live.end_all("restarting")


@web.middleware
async def errors_as_json(
    request: web.Request,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    try:
        return await handler(request)
    except StoreUnavailableError as raised:
        _LOGGER.warning("the store is away: %s", raised)
        error: TrainingError = model.UnavailableError("the store is away")
    except TrainingError as raised:
        error = raised
    status = STATUS[type(error)]
    headers = {}
    if isinstance(error, model.TooManyAttemptsError):
        headers["Retry-After"] = str(int(error.retry_after_seconds) + 1)
    elif status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = _AGAIN_IN_SECONDS
    elif status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    answer = {"error": error.code, "message": str(error)}
    return web.json_response(answer, status=status, headers=headers)


async def health(request: web.Request) -> web.Response:
    await request.app[SERVICE].read_settings()
    return web.json_response({"status": "ok"})


async def register(request: web.Request) -> web.Response:
    fields = inputs.document(await request.read())
    await request.app[SERVICE].register(
        inputs.text(fields, "name"), inputs.password(fields), request.remote
    )
    return web.json_response({"name": fields["name"]}, status=HTTPStatus.CREATED)


async def login(request: web.Request) -> web.Response:
    fields = inputs.document(await request.read())
    token = await request.app[SERVICE].login(
        inputs.text(fields, "name"), inputs.password(fields), request.remote
    )
    return web.json_response({"token": token})


async def open_session(request: web.Request) -> web.Response:
    trainer_id = request.app[SERVICE].trainer(_token(request))
    fields = inputs.document(await request.read())
    title = inputs.text(fields, "title")
    session = await request.app[SERVICE].open_session(trainer_id, title)
    return web.json_response(_shown(session), status=HTTPStatus.CREATED)


async def own_sessions(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    found = await service.repository.sessions_of(service.trainer(_token(request)))
    return web.json_response({"sessions": [_shown(session) for session in found]})


async def close_session(request: web.Request) -> web.Response:
    trainer_id = request.app[SERVICE].trainer(_token(request))
    session_id = inputs.identifier(request.match_info["id"])
    await request.app[SERVICE].close_session(trainer_id, session_id)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def events(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    session = await service.session_of(
        service.trainer(_token(request)), inputs.identifier(request.match_info["id"])
    )
    found = await service.repository.events(session.id)
    return web.json_response({"events": [_told(event) for event in found]})


async def join(request: web.Request) -> web.Response:
    fields = inputs.document(await request.read())
    session, token = await request.app[SERVICE].join(
        inputs.text(fields, "code"), inputs.text(fields, "name"), request.remote
    )
    return web.json_response({"session": _shown(session), "token": token})


async def watch(request: web.Request) -> web.WebSocketResponse:
    return await live(request, request.app[SERVICE])


def _token(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise model.LoginError("log in first")
    return token


def _shown(session: Session) -> dict[str, object]:
    return {
        "id": str(session.id),
        "code": session.code,
        "title": session.title,
        "opened_at": session.opened_at.isoformat(),
        "expires_at": session.expires_at.isoformat(),
        "last_values": dict(session.last_values),
        "sequence": session.sequence,
        "end_reason": session.end_reason,
    }


def _told(event: Event) -> dict[str, object]:
    return {
        "id": str(event.id),
        "kind": event.kind,
        "sequence": event.sequence,
        "data": dict(event.data),
        "happened_at": event.happened_at.isoformat(),
    }
