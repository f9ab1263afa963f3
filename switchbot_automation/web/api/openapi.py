"""The OpenAPI document of the JSON API, made from the routes themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from inspect import getdoc
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.web.api.health import versions
from switchbot_automation.web.api.schemas import PARAMETERS, SCHEMAS
from switchbot_automation.web.guard import Access

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiohttp.typedefs import Handler


@dataclass(frozen=True, slots=True)
class Route:
    """One route. All but the first five are for the document.

    `query` and `headers` name `PARAMETERS`; `body` and `answers`, by status, name
    `SCHEMAS`, or an answer's content type. `documented` is false for the page's own.
    """

    method: str
    path: str
    handler: Handler
    access: Access = Access.PERSON
    writes: bool = False
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    body: str | None = None
    answers: Mapping[int, str] = field(default_factory=dict)
    documented: bool = True


_ERRORS: Final = {
    400: "The request makes no sense.",
    401: "Nobody is logged in.",
    403: "Not allowed from there, or nothing can be changed here.",
    404: "There is no such zone.",
    408: "The body came too slowly.",
    409: "A masked secret is none of those that are stored now.",
    412: "The settings were changed meanwhile.",
    413: "The body is too long.",
    415: "The body is not of the right type.",
    422: "A value is wrong; `message` says which.",
    428: "If-Match is missing.",
    429: "Too busy; see Retry-After.",
    503: "The store or the history does not answer.",
}
_WITH_BODY = frozenset({400, 408, 413, 415, 422})


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the document for these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if route.documented:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "switchbot-automation",
            "version": versions()["switchbot_automation"],
            "description": "Rooms, why they are as they are, and what a person wants. "
            "Instants are ISO 8601 in UTC, temperatures degrees Celsius, durations "
            "seconds. Addresses are relative to where the application is mounted.",
        },
        "servers": [{"url": "../"}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "switchbot_session",
                },
            },
        },
        "security": [{"token": []}, {"session": []}, {}],
    }


def _operation(route: Route) -> dict[str, Any]:
    summary, _, more = (getdoc(route.handler) or "").partition("\n\n")
    found: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": summary.replace("\n", " "),
        "responses": {
            **{
                str(status): _answer(status, name)
                for status, name in route.answers.items()
            },
            **{
                str(status): {
                    "description": _ERRORS[status],
                    "content": _content("application/json", "Error"),
                }
                for status in _errors(route)
                if status not in route.answers
            },
        },
    }
    if more:
        found["description"] = more.replace("\n", " ")
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
        }
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    parameters += [
        {"name": name, "in": "query"} | PARAMETERS[name] for name in route.query
    ]
    parameters += [
        {"name": name, "in": "header"} | PARAMETERS[name] for name in route.headers
    ]
    if parameters:
        found["parameters"] = parameters
    if route.body:
        found["requestBody"] = {
            "required": True,
            "content": _content("application/json", route.body),
        }
    if route.access is Access.SECRET:
        found["security"] = [{}]
    return found


def _errors(route: Route) -> list[int]:
    found = {403} if route.access is not Access.SECRET else {404}
    if route.access is Access.PERSON:
        found |= {401}
    if "{zone}" in route.path:
        found |= {404, 422, 503}
    if route.body:
        found |= _WITH_BODY
    if route.path == "/api/settings":
        found |= {503}
    if route.headers:
        found |= {409, 412, 428, 429}
    return sorted(found)


def _answer(status: int, name: str) -> dict[str, Any]:
    description = "As asked." if status == 200 else "It does not work."  # noqa: PLR2004 - OK
    if name in SCHEMAS:
        return {
            "description": description,
            "content": _content("application/json", name),
        }
    return {
        "description": description,
        "content": {name: {"schema": {"type": "string"}}},
    }


def _content(content_type: str, name: str) -> dict[str, Any]:
    return {content_type: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
