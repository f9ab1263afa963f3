"""`/healthz`: whether it lives, whether it is ready, and how everything fares."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.instants import zulu
from switchbot_automation.web.guard import Who, who_asks
from switchbot_automation.web.request import as_json, site_of

if TYPE_CHECKING:
    from aiohttp import web

    from switchbot_automation.web.request import Site

_UNWELL: Final = 503


async def healthz(request: web.Request) -> web.Response:
    """Tell everything; 503 when it does not work, or with strict checks is degraded."""
    report = await health_of(site_of(request))
    return _answer(request, report, well=report["healthy"])


async def live(request: web.Request) -> web.Response:
    """Answer 503 when ticks do not come any more: what a restart may mend."""
    report = await health_of(site_of(request))
    return _answer(request, report, well=report["live"])


async def ready(request: web.Request) -> web.Response:
    """Answer 503 until the first tick is over, and while it does not work."""
    report = await health_of(site_of(request))
    return _answer(request, report, well=report["ready"])


def _answer(
    request: web.Request, report: dict[str, Any], *, well: bool
) -> web.Response:
    if who_asks(site_of(request), request) is Who.NOBODY:
        # A probe needs the code; strangers need no more.
        report = {key: report[key] for key in ("status", "healthy", "live", "ready")}
    return as_json(report, status=200 if well else _UNWELL)


async def health_of(site: Site) -> dict[str, Any]:
    """Return how everything fares, JSON-able. No I/O.

    `status` is ``ok``, ``degraded`` or ``error``. Error: no usable settings, a store
    that does not answer, a scheduler that does not run, a tick long overdue. Degraded:
    a store or history that saves up writes, a meter that does not answer, a room that
    is not kept or needs a person for another reason, ticks that take a second.
    """
    engine = await site.engine.health()
    store = engine["store"]
    history = _history(site, engine["history_error"])
    scheduler = _scheduler(site, engine)
    sensors = {
        name: {
            "temperature": zone["temperature"],
            "stale": zone["temperature_stale"],
            "last_read_at": zone["last_read_at"],
            "error_count": zone["error_count"],
            "last_error": zone["last_error"],
        }
        for name, zone in engine["zones"].items()
    }
    performance = engine["performance"]
    live = scheduler["running"] is not False and not engine["tick_stale"]
    if engine["status"] == "error" or not live or not store["reachable"]:
        status = "error"
    elif (
        engine["status"] == "degraded"
        or history["status"] == "degraded"
        or performance["status"] == "critical"
    ):
        status = "degraded"
    else:
        status = "ok"
    healthy = status == "ok" or (status == "degraded" and not site.strict_health)
    # Of what the engine tells, all that is not told in another form here.
    return {
        **engine,
        "status": status,
        "healthy": healthy,
        "live": live,
        "ready": healthy and engine["last_tick"] is not None,
        "scheduler": scheduler,
        "history": history,
        "sensors": sensors,
        "web": {"listeners": site.live.listeners, "dropped": site.live.dropped},
        "versions": versions(),
    }


def _scheduler(site: Site, engine: dict[str, Any]) -> dict[str, Any]:
    """Describe who calls the engine; `running` is None where the host does."""
    found: dict[str, Any] = {
        "running": None,
        "next_wakeup": engine["next_wakeup"],
        "tick_stale": engine["tick_stale"],
    }
    if site.scheduler is not None:
        status = site.scheduler.status()
        found |= {
            "running": status.running,
            "ticks": status.ticks,
            "failures": status.failures,
            "last_tick_at": zulu(status.last_tick_at),
            "last_error": status.last_error,
        }
    return found


def _history(site: Site, error: str | None) -> dict[str, Any]:
    if site.history is None:
        return {"status": "degraded" if error else "none", "last_error": error}
    status = site.history.status()
    degraded = error is not None or status.degraded_since is not None
    return {
        "status": "degraded" if degraded else "ok",
        "backend": status.backend,
        "buffered": status.buffered,
        "spilled": status.spilled,
        "written": status.written,
        "quarantined": status.quarantined,
        "dropped": status.dropped,
        "last_flush": zulu(status.last_flush),
        "degraded_since": zulu(status.degraded_since),
        "last_error": error or status.last_error,
        "spill_error": status.spill_error,
    }


def versions() -> dict[str, str]:
    """Return the versions of what runs here."""
    found = {"python": platform.python_version()}
    for name in ("switchbot-automation", "aiohttp"):
        try:
            found[name.replace("-", "_")] = version(name)
        except PackageNotFoundError:
            found[name.replace("-", "_")] = "unknown"
    return found
