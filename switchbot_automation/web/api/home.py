"""The JSON API of the home: zones, why, what was, and what a person wants."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.engine.act.wishes import (
    ASKED_BY_PEOPLE,
    HOLD,
    HOLDS,
    QUIET_FAN,
    RESUME,
    SET_PRESET_MODE,
    SET_TEMPERATURE,
    SKIP_NEXT_WINDOW,
)
from switchbot_automation.instants import parse_instant
from switchbot_automation.languages import reworded, spoken, worded
from switchbot_automation.web.api.encoding import command_as_json
from switchbot_automation.web.guard import RequestRefusedError
from switchbot_automation.web.request import (
    as_json,
    as_known_json,
    instant_of,
    read_json,
    site_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from switchbot_automation.engine import AutomationEngine
    from switchbot_automation.model import Command


# What each action takes besides `hold`.
_TAKES: Final = {SET_TEMPERATURE: ("low", "high"), SET_PRESET_MODE: ("preset",)}

_LONGEST_HOLD_SECONDS = 366 * 86400


async def zones(request: web.Request) -> web.Response:
    """Return every zone as it is now, with the quota."""
    site = site_of(request)
    return as_known_json(
        request,
        {
            **await site.engine.overview_in_turns(),
            "quota": site.engine.quota(),
            "read_only": site.read_only,
            "login": site.credentials is not None,
            "history": site.history is not None,
        },
        apart=("at",),
    )


async def zone(request: web.Request) -> web.Response:
    """Return one zone as it is now."""
    engine = site_of(request).engine
    return as_json(engine.zone_overview(request.match_info["zone"]))


async def explain(request: web.Request) -> web.Response:
    """Explain why a zone is as it is, or was so `at` an instant."""
    site = site_of(request)
    name = site.engine.zone_in_force(request.match_info["zone"]).name
    at = instant_of(request, "at")

    async def ask() -> dict[str, Any]:
        async with site.explaining:
            # One at a time: it computes for a while, beside a loop that has to tick.
            return (await site.engine.explain(name, at)).to_dict()

    return as_json(await site.shared.get(("explain", name, at, spoken()), ask))


async def act(request: web.Request) -> web.Response:
    """Carry out what a person wants, and say how far it came."""
    site = site_of(request)
    name = request.match_info["zone"]
    body = await read_json(request)
    action = body.get("action")
    if action not in ASKED_BY_PEOPLE:
        raise RequestRefusedError(
            422,
            "unknown_action",
            worded(
                "action: expected one of {asked_by_people}",
                asked_by_people=", ".join(ASKED_BY_PEOPLE),
            ),
        )
    takes = _TAKES.get(action, ())
    unknown = sorted(body.keys() - {"action", "hold", *takes})
    if unknown:
        expected = ", ".join(("action", "hold", *takes))
        raise RequestRefusedError(
            422,
            "unknown_key",
            worded(
                "{unknown}: expected {expected}",
                unknown=", ".join(unknown),
                expected=expected,
            ),
        )
    hold = _hold(body.get("hold"))
    if action == SKIP_NEXT_WINDOW and hold is not None:
        raise RequestRefusedError(
            422,
            "hold",
            worded("{action} ends with the window; leave hold out", action=action),
        )
    zone = site.engine.zone_in_force(name)
    try:
        command = await _carried_out(site.engine, name, action, body, hold)
    except ValueError as error:
        what = "wish" if takes or action == SKIP_NEXT_WINDOW else "hold"
        raise RequestRefusedError(422, what, reworded(error)) from error
    if command is not None:
        return as_json(command_as_json(command, zone.timezone))
    after = site.engine.zone_overview(name)
    return as_json(
        {
            "zone": name,
            "action": action,
            "status": "accepted",
            "hold_until": after["hold_until"],
            "wish": after["wish"],
            "quiet_fan_until": after["quiet_fan_until"],
            "skipped_windows": after["skipped_windows"],
        }
    )


async def _carried_out(
    engine: AutomationEngine,
    name: str,
    action: str,
    body: Mapping[str, Any],
    hold: timedelta | datetime | str | None,
) -> Command | None:
    """Ask the engine for what a person wants; None where that is no command."""
    if action == SET_TEMPERATURE:
        low, high = (_celsius(body, key) for key in _TAKES[action])
        await engine.set_temperature(name, low, high, hold)
    elif action == SET_PRESET_MODE:
        await engine.set_preset_mode(name, _name(body, "preset"), hold)
    elif action == HOLD:
        await engine.hold(name, "permanent" if hold is None else hold)
    elif action == RESUME:
        await engine.resume(name)
    elif action == QUIET_FAN:
        await engine.quiet_fan(name, hold)
    elif action == SKIP_NEXT_WINDOW:
        await engine.skip_next_window(name)
    else:
        return await engine.act(name, action, hold)
    return None


def _celsius(body: Mapping[str, Any], key: str) -> float:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RequestRefusedError(
            422, key, worded("{key}: expected degrees Celsius as a number", key=key)
        )
    return float(value)


def _name(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise RequestRefusedError(422, key, worded("{key}: expected a name", key=key))
    return value


def _hold(value: Any) -> timedelta | datetime | str | None:
    """Read a hold: seconds, an instant with a timezone, or one of the words."""
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 < value <= _LONGEST_HOLD_SECONDS:
            raise RequestRefusedError(
                422,
                "hold",
                worded(
                    "hold: 1 to {longest_hold_seconds} seconds",
                    longest_hold_seconds=_LONGEST_HOLD_SECONDS,
                ),
            )
        return timedelta(seconds=value)
    if isinstance(value, str):
        if value in HOLDS:
            return value
        try:
            return parse_instant(value)
        except ValueError as error:
            words = ", ".join(HOLDS)
            raise RequestRefusedError(
                422,
                "hold",
                worded("hold: {error}; or one of {words}", error=error, words=words),
            ) from None
    raise RequestRefusedError(
        422, "hold", worded("hold: seconds, an instant, or a word")
    )
