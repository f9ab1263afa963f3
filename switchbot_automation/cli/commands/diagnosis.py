"""`doctor`: the usual mistakes of the whole set-up, and what to change."""

from __future__ import annotations

import stat
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import click

from switchbot_automation.cli.beside_run.broker import own_broker, wants_push
from switchbot_automation.cli.commands.account import account_from_environment, connect
from switchbot_automation.cli.loops import on_a_loop
from switchbot_automation.cli.output import (
    FAILURE,
    OK,
    Misuse,
    json_option,
    logging_options,
    print_json,
    print_table,
)
from switchbot_automation.cli.targets import CUT_OFF, NOTHING_LISTED, is_cut_off
from switchbot_automation.cli.ways_out import way_out
from switchbot_automation.engine.act.outside import secret_of
from switchbot_automation.errors import (
    BrokerError,
    ClockSkewError,
    CloudError,
    WebhookError,
)
from switchbot_automation.explain.words import word_of
from switchbot_automation.languages import error_words
from switchbot_automation.languages import translated as _
from switchbot_automation.outside.urls import mask_url
from switchbot_automation.settings.account import account_findings
from switchbot_automation.settings.findings import findings
from switchbot_automation.settings.read import read_settings
from switchbot_automation.settings.secrets import places_of_secrets
from switchbot_store import StoreConfig, StoreError, get_store
from switchbot_store.cli.dotenv_file import env_file
from switchbot_store.doctor import SetupFinding, examine
from switchbot_store.files.custody import custody_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from switchbot_automation import SwitchBotClient
    from switchbot_automation.model import DeviceList

_REACH_SECONDS: Final = 5.0
_LOW_PART: Final = 0.1
_OTHERS_WALK: Final = stat.S_IXGRP | stat.S_IXOTH


@click.command()
@json_option("Print one object with `ok` and `findings`.")
@logging_options("error")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Find the usual mistakes of account, settings and store, changing nothing.

    It asks the account for its list, its scenes and its webhook, three calls, one more
    where events come by MQTT, and commands nothing. The exit code is 1 when something is a problem; warnings leave it 0.
    """
    found = [
        *_environment(),
        *examine(),
        *on_a_loop(_account()),
        *on_a_loop(_own_broker()),
    ]
    problems = [each for each in found if each.level == "problem"]
    if as_json:
        print_json({"ok": not problems, "findings": [asdict(each) for each in found]})
    else:
        print_table(
            _("Problems were found") if problems else _("No problem was found"),
            ("", _("about"), _("found"), _("what to do")),
            (
                (
                    word_of("level", each.level),
                    each.check,
                    *map(error_words, (each.message, each.advice)),
                )
                for each in found
            ),
        )
    ctx.exit(FAILURE if problems else OK)


def _environment() -> Iterator[SetupFinding]:
    """Look at the file that variables are read from."""
    path = env_file()
    try:
        custody = custody_of(path)
    except FileNotFoundError:
        return
    if custody.others_may_touch:
        words = _(
            "{path} holds secrets and others on this machine may read it", path=path
        )
        yield SetupFinding("environment", "warning", words, f"chmod 600 {path}")
    if custody.planted:
        words = _(
            "others on this machine may put another file in the place of {path}",
            path=path,
        )
        advice = _("keep it in a directory that only its owner may write")
        yield SetupFinding("environment", "warning", words, advice)
    if not (custody.others_may_touch or custody.planted):
        yield SetupFinding(
            "environment", "ok", _("{path} is read, and only by its owner", path=path)
        )


async def _account() -> list[SetupFinding]:
    try:
        account = account_from_environment()
    except Misuse as misuse:
        return [
            SetupFinding("account", "problem", _("there is no account"), misuse.message)
        ]
    async with connect(account) as client:
        try:
            listed = await client.devices()
        except CloudError as error:
            return [_refusal(error)]
        return [each async for each in _of_account(client, listed)]


def _refusal(error: CloudError) -> SetupFinding:
    about = "clock" if isinstance(error, ClockSkewError) else "account"
    return SetupFinding(about, "problem", error_words(error), way_out(error))


async def _of_account(
    client: SwitchBotClient, listed: DeviceList
) -> AsyncIterator[SetupFinding]:
    count = len(listed.devices) + len(listed.remotes)
    yield SetupFinding(
        "account",
        "ok",
        _("the account answers and lists {count} devices", count=count),
    )
    yield SetupFinding(
        "clock", "ok", _("the cloud takes this machine's clock for right")
    )
    if not count:
        yield SetupFinding(
            "devices", "problem", _("nothing is listed"), _(NOTHING_LISTED)
        )
    for device in filter(is_cut_off, listed.devices):
        yield SetupFinding(
            "devices", "warning", device.name or device.device_id, _(CUT_OFF)
        )
    try:
        scenes = await client.scenes()
    except CloudError as error:
        yield _refusal(error)
        scenes = []
    try:
        with get_store(StoreConfig.from_env()) as store:
            found = store.get_many(["settings", "state"])
    except StoreError:
        found = {}  # the store's own findings say why
    for finding in _quota(client, found["state"].data if found else {}):
        yield finding
    if found:
        document = found["settings"].data
        about = (
            *_settings(document, listed, scenes),
            *await secret_findings(document, file=found["settings"].file),
        )
        for finding in about:
            yield finding
    async for finding in _webhook(client):
        yield finding
    async for finding in _push(client):
        yield finding


async def secret_findings(
    document: Mapping[str, Any], *, file: str | None = None
) -> list[SetupFinding]:
    """Look whether every secret that a document names is there, and which it holds.

    `file` is where it lies, None where it is in no file of its own.
    """
    places = places_of_secrets(document)
    found = []
    for path, name in places.outside.items():
        try:
            await secret_of(name)
        except WebhookError as error:
            advice = _("write it into {path}", path=env_file())
            found.append(
                SetupFinding(
                    "secrets", "problem", f"{path}: {error_words(error)}", advice
                )
            )
    if places.outside and not found:
        words = _("all {count} lie outside", count=len(places.outside))
        found.append(SetupFinding("secrets", "ok", words))
    if places.inside:
        words = _("in the settings: {paths}", paths=", ".join(places.inside))
        advice = _(
            'write {"secret": "NAME"} in their place, and each into .env as'
            " SWITCHBOT_SECRET_NAME"
        )
        found.append(SetupFinding("secrets", "warning", words, advice))
        if file is not None and _others_get_to(file):
            words = _(
                "{path} holds secrets and others on this machine may read it", path=file
            )
            advice = f"chmod 600 {file}"
            found.append(SetupFinding("secrets", "warning", words, advice))
    return found


def _others_get_to(file: str) -> bool:
    """Tell whether others may touch a file, and walk through all that is above it."""
    try:
        above = [each.stat().st_mode for each in Path(file).resolve().parents]
        return custody_of(file).others_may_touch and all(
            mode & _OTHERS_WALK for mode in above
        )
    except OSError:
        return False


def _quota(client: SwitchBotClient, state: Mapping[str, Any]) -> Iterator[SetupFinding]:
    """Tell how many of the day's calls are left, with what the engine counted."""
    ledger = client.quota
    ledger.merge(state)
    words = _(
        "{used} of {limit} calls are used since 00:00 UTC",
        used=ledger.used,
        limit=ledger.limit,
    )
    if ledger.remaining < ledger.limit * _LOW_PART:
        advice = _(
            "rooms are polled less until then; look at poll_interval_seconds, "
            "predictive_polling and at other programs that use this token"
        )
        yield SetupFinding("quota", "warning", words, advice)
    else:
        yield SetupFinding("quota", "ok", words)


def _settings(
    document: Mapping[str, Any], listed: DeviceList, scenes: Any
) -> Iterator[SetupFinding]:
    if not document:
        advice = _("switchbot-automation init proposes some and writes them")
        yield SetupFinding(
            "settings", "problem", _("there are no settings yet"), advice
        )
        return
    found = findings(document, read_settings)
    errors, warnings = account_findings(document, listed, scenes)
    for level, several in (
        ("problem", [*found.errors, *errors]),
        ("warning", [*found.warnings, *warnings]),
    ):
        for each in several:
            yield SetupFinding(
                "settings",
                "problem" if level == "problem" else "warning",
                str(each),
                _("change it, then look with: switchbot-automation check-config"),
            )
    if not (found.errors or errors or found.settings is None):
        rooms = ", ".join(sorted(found.settings.zones))
        yield SetupFinding(
            "settings", "ok", _("they can be used; rooms: {rooms}", rooms=rooms)
        )


async def _webhook(client: SwitchBotClient) -> AsyncIterator[SetupFinding]:
    """Ask where the account's events go, and whether somebody listens there."""
    try:
        urls = await client.query_webhook()
    except CloudError as error:
        yield _refusal(error)
        return
    if not urls:
        advice = _("none is needed; with one, doors and motion are known at once")
        yield SetupFinding("webhook", "ok", _("the account has none"), advice)
    for url in urls:
        shown = mask_url(url)
        try:
            await _reach(url)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            yield SetupFinding(
                "webhook",
                "warning",
                _(
                    "{url} cannot be reached from here ({error})",
                    url=shown,
                    error=type(error).__name__,
                ),
                _(
                    "events of the cloud get lost if it cannot be reached from outside "
                    "either; change it with: switchbot-automation webhook setup"
                ),
            )
        else:
            yield SetupFinding("webhook", "ok", _("{url} answers from here", url=shown))


async def _push(client: SwitchBotClient) -> AsyncIterator[SetupFinding]:
    """Connect to SwitchBot's own broker, if events are to come by it; one call."""
    try:
        if not wants_push():
            return
    except Misuse as misuse:
        yield SetupFinding("push", "problem", misuse.message, "")
        return
    from switchbot_automation.mqtt.push import try_out  # noqa: PLC0415 - an extra

    try:
        until = await try_out(client)
    except (CloudError, BrokerError) as error:
        advice = _(
            "rooms are kept all the same, with polling; its address is not documented and"
            " may change"
        )
        yield SetupFinding("push", "warning", error_words(error), advice)
    else:
        yield SetupFinding(
            "push",
            "ok",
            _(
                "events come by SwitchBot's own MQTT; its certificate holds until {day}",
                day=until.date().isoformat(),
            ),
        )


async def _own_broker() -> list[SetupFinding]:
    """Connect to one's own broker, if rooms are to be shown there."""
    try:
        address = own_broker()
    except Misuse as misuse:
        return [SetupFinding("mqtt", "problem", misuse.message, "")]
    if address is None:
        return []
    from switchbot_automation.mqtt.link import linked  # noqa: PLC0415 - an extra

    try:
        async with linked(address):
            words = _("the MQTT broker {broker} lets us in", broker=str(address))
            return [SetupFinding("mqtt", "ok", words)]
    except BrokerError as error:
        advice = _("look at SWITCHBOT_MQTT_URL and at what the broker logs")
        return [SetupFinding("mqtt", "problem", error_words(error), advice)]


async def _reach(url: str) -> None:
    """Open the URL without giving it an event; any answer will do."""
    timeout = aiohttp.ClientTimeout(total=_REACH_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.head(url, allow_redirects=False),
    ):
        return
