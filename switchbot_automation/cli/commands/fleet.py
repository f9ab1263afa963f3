"""`fleet`: many homes on the workers of a queue, and how they fare."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from switchbot_automation.cli.beside_run.page import TOKEN, Address, address_of, tokens
from switchbot_automation.cli.loops import on_a_loop
from switchbot_automation.cli.output import (
    Misuse,
    cluster_option,
    echo,
    json_option,
    load_document,
    logging_options,
    print_json,
    print_table,
    workers_option,
)
from switchbot_automation.cli.stopping import stop_requested
from switchbot_automation.errors import UnknownHomeError
from switchbot_automation.explain.words import word_of
from switchbot_automation.fleet.metrics import FleetMetrics, serve_metrics
from switchbot_automation.fleet.shared_store import for_a_fleet
from switchbot_automation.languages import error_words, later_in, translated_in
from switchbot_automation.languages import translated as _
from switchbot_store import StoreConfig, ThreadedStore, checked_home, get_store
from switchbot_store.homes import read_each

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from switchbot_automation.fleet.queue import FleetQueue
    from switchbot_automation.fleet.rollout import Rolled
    from switchbot_automation.fleet.visit import Place, Visit
    from switchbot_store import StoreInterface

_HOMES_AT_ONCE: Final = 500
_QUEUE_URL: Final = "SWITCHBOT_QUEUE_URL"
_NOT_THERE: Final = frozenset({"42P01", "42883", "42704"})
"""What PostgreSQL says of a table, a function or a type that it does not have."""
_SHARDS = click.option(
    "--shards",
    envvar="SWITCHBOT_FLEET_SHARDS",
    default=1,
    show_default=True,
    type=click.IntRange(1, 1024),
    help="Over how many queues the homes are spread; the same everywhere.",
)

_COUNTED: Final = {
    "late": later_in("homes", "late"),
    "error": later_in("homes", "error"),
    "degraded": later_in("homes", "degraded"),
    "ok": later_in("homes", "ok"),
    "rooms": later_in("homes", "rooms"),
    "rooms_not_kept": later_in("homes", "rooms not kept"),
    "shared": later_in("homes", "a unit of another home"),
}


@click.group()
def fleet() -> None:
    """Look after many homes by workers on any number of machines.

    Homes are those of the store of the environment, see `switchbot-store homes`. Their
    ticks are jobs of procrastinate, in the database of SWITCHBOT_QUEUE_URL, by default
    that of the store.
    """


@fleet.command()
@_SHARDS
@json_option("Print one object with `installed`.")
@logging_options()
def install(shards: int, as_json: bool) -> None:
    """Make the queue's tables. Done already, it changes nothing."""

    async def made() -> None:
        async with _queue(shards) as queue:
            await queue.install()

    on_a_loop(made())
    if as_json:
        print_json({"installed": True})
    else:
        echo(_("the queue has its tables"))


@fleet.command()
@click.argument("homes", nargs=-1)
@click.option(
    "--spread",
    default=120.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Over how many seconds the first ticks lie.",
)
@_SHARDS
@json_option("Print one object with `homes` and `sown`.")
@logging_options()
def sow(homes: tuple[str, ...], spread: float, shards: int, as_json: bool) -> None:
    """Let HOMES be ticked from now on; without any, all that have settings.

    Those that wait for their tick already go on as they are: call it as often as homes
    are added, and after another number of --shards. Where one of HOMES has no settings,
    none is sown.
    """
    wanted = with_settings(homes) if homes else _homes_with_settings()

    async def sown() -> int:
        async with _queue(shards) as queue:
            return await queue.sow(wanted, datetime.now(UTC), spread)

    count = on_a_loop(sown())
    if as_json:
        print_json({"homes": len(wanted), "sown": count})
    else:
        echo(_("{homes} homes, {new} of them new", homes=len(wanted), new=count))


@fleet.command()
@click.option(
    "--accounts",
    envvar="SWITCHBOT_ACCOUNTS",
    required=True,
    help="A JSON file of homes with token and secret, or MODULE:NAME of a callable.",
)
@click.option(
    "--concurrency",
    default=32,
    show_default=True,
    type=click.IntRange(1, 256),
    help="How many homes are visited at the same time.",
)
@click.option("--queue", "queues", multiple=True, help="Take this queue alone.")
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Serve /metrics there: counts over homes, never one a home.",
)
@_SHARDS
@json_option("Print one object a visit, a line each.")
@logging_options("info")
def work(  # noqa: PLR0917  # click passes every one by name
    accounts: str,
    concurrency: int,
    queues: tuple[str, ...],
    metrics: str | None,
    shards: int,
    as_json: bool,
) -> None:
    """Visit the homes that are due, until SIGTERM or Ctrl-C.

    Start as many as the homes need, on any machine. One that is killed is replaced by the
    others within half a minute; no command is sent twice for it.
    """
    from switchbot_automation.cli.beside_run.garbage import (  # noqa: PLC0415 - a worker's alone
        leave_alone,
        share_one_heap,
    )
    from switchbot_automation.fleet.told import NamesHome  # noqa: PLC0415 - likewise
    from switchbot_automation.fleet.worker import clients_of, opened_place  # noqa: PLC0415 - the extra `fleet`

    for handler in logging.getLogger().handlers:
        handler.addFilter(NamesHome())
    share_one_heap()
    make_clients = clients_of(accounts)
    counted = FleetMetrics()

    def visited(visit: Visit) -> None:
        counted.take(visit)
        if as_json:
            print_json(visit.to_document())

    async def worked() -> None:
        place: Place | None = None

        def place_of() -> Place:
            assert place is not None  # noqa: S101 - opened before the first job
            return place

        config = StoreConfig.from_env()
        async with opened_place(config, make_clients) as opened:
            place = opened
            async with (
                _queue(shards, place_of, on_visit=visited) as queue,
                _served(counted, metrics),
            ):
                # What is loaded by now stays until the end: no visit's garbage.
                leave_alone()
                await queue.work(concurrency=concurrency, queues=queues or None)

    on_a_loop(worked())


@asynccontextmanager
async def _served(counted: FleetMetrics, address: str | None) -> AsyncIterator[None]:
    if address is None:
        yield
        return
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(serve_metrics(counted, address))
        except OSError as error:
            raise _unheard(error) from error
        yield


@fleet.command()
@click.argument("home")
@click.argument("errand")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@_SHARDS
@json_option("Print one object with the number of the job.")
@logging_options()
def ask(
    home: str, errand: str, arguments: tuple[str, ...], shards: int, as_json: bool
) -> None:
    """Let HOME be visited at once for an ERRAND.

    Such as `fleet ask 42 act zone=living action=off hold=permanent`, `resume zone=living`,
    `set_temperature zone=living low=20 high=22`, or `refresh`.
    """
    document: dict[str, Any] = {"kind": errand}
    for each in arguments:
        name, equals, value = each.partition("=")
        if not equals:
            raise Misuse(_("{text!r}: NAME=VALUE is wanted", text=each))
        document[name] = value
    with_settings([home])

    async def asked() -> int:
        async with _queue(shards) as queue:
            return await queue.ask(home, document)

    number = on_a_loop(asked())
    if as_json:
        print_json({"home": home, "job": number})
    else:
        echo(_("job {number}", number=number))


@fleet.command()
@click.option("--worst", default=10, show_default=True, type=click.IntRange(0, 1000))
@json_option("Print one object.")
@logging_options()
def status(worst: int, as_json: bool) -> None:
    """Show how many homes are well, late, or not, and the worst ones."""
    from switchbot_automation.fleet.overview import fleet_overview  # noqa: PLC0415 - the extra `fleet`

    with _store() as store:
        found = fleet_overview(store, datetime.now(UTC), worst=worst)
    if as_json:
        print_json(found)
        return
    print_table(
        _("{homes} homes", homes=found["homes"]),
        ("", ""),
        [(_in_words(name), str(count)) for name, count in found["counts"].items()],
    )
    if found["worst"]:
        print_table(
            _("the worst"),
            (_("home"), _("what"), _("since")),
            [
                (each["home"], _in_words(each["what"]), each["since"] or "")
                for each in found["worst"]
            ],
        )
    if found["shared"]:
        print_table(
            _("two homes command one unit"),
            (_("home"), _("unit"), _("and")),
            [(each["home"], each["unit"], each["with"]) for each in found["shared"]],
        )


@fleet.command("not-kept")
@json_option("Print one object a room, a line each.")
@logging_options()
def not_kept(as_json: bool) -> None:
    """List every room that is not kept, or needs a person, of all homes."""
    from switchbot_automation.fleet.overview import rooms_not_kept  # noqa: PLC0415 - the extra `fleet`

    kept = True
    late: list[object] = []
    with _store() as store:
        for room in rooms_not_kept(store, datetime.now(UTC), late=late.append):
            kept = False
            if as_json:
                print_json(room)
            else:
                status = word_of("kept", room["status"])
                since, advice = room["since"] or "", room["advice"]
                echo(f"{room['home']}\t{room['zone']}\t{status}\t{since}\t{advice}")
    if kept and not as_json:
        echo(_("no room is told of"), err=True)
    if late:
        text = _("{count} homes are late: of their rooms nobody knows", count=len(late))
        echo(text, err=True)


@fleet.command()
@click.argument("address", metavar="HOST:PORT", callback=address_of)
@json_option("Print one object with the page's `url` once it listens.")
@logging_options("info")
def page(address: Address, as_json: bool) -> None:
    """Serve a page of all homes by what is wrong with them.

    Who is answered: who has the token in SWITCHBOT_WEB_TOKEN; without it, this machine
    alone. Behind HTTPS of yours. Nothing can be changed by it.
    """
    from switchbot_automation.fleet.page import serve_homes  # noqa: PLC0415 - only for who serves

    async def served() -> None:
        async with ThreadedStore(_store()) as store:
            try:
                async with serve_homes(store, *address, token=tokens()) as url:
                    if as_json:
                        print_json({"url": url})
                    else:
                        echo(_("the homes are at {url}", url=url))
                    with stop_requested() as stop:
                        await stop
            except ValueError as error:
                raise Misuse(f"{error_words(error)} ({TOKEN})") from error
            except OSError as error:
                raise _unheard(error) from error

    on_a_loop(served())


@fleet.command()
@click.argument("address", metavar="HOST:PORT", callback=address_of)
@click.option(
    "--key",
    envvar="SWITCHBOT_FLEET_WEBHOOK_KEY",
    required=True,
    help="The secret of all URLs; rather in SWITCHBOT_FLEET_WEBHOOK_KEY.",
)
@_SHARDS
@json_option("Print one object once it listens.")
@logging_options("info")
def listen(address: Address, key: str, shards: int, as_json: bool) -> None:
    """Take the events that the cloud posts for any home, and wake the home.

    The URL of each home is what `fleet webhook-path` prints, behind HTTPS of yours.
    """
    from switchbot_automation.fleet.webhooks import FleetWebhooks  # noqa: PLC0415 - only for who serves

    async def listened() -> None:
        async with _queue(shards) as queue:
            hooks = FleetWebhooks(key, queue.wake)
            try:
                async with hooks.serve(*address) as url:
                    where = url.removeprefix("http://")
                    if as_json:
                        print_json({"listening": where})
                    else:
                        echo(_("events are taken at {address}", address=where))
                    with stop_requested() as stop:
                        await stop
            except OSError as error:
                raise _unheard(error) from error

    on_a_loop(listened())


@fleet.command()
@click.option(
    "--accounts",
    envvar="SWITCHBOT_ACCOUNTS",
    required=True,
    help="A JSON file of homes with token and secret, or MODULE:NAME of a callable.",
)
@click.option("--part", default=1, type=click.IntRange(1), help="Which part it is.")
@click.option(
    "--parts",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Over how many such processes the accounts are spread.",
)
@_SHARDS
@json_option("Print one object once it begins.")
@logging_options("info")
def push(accounts: str, part: int, parts: int, shards: int, as_json: bool) -> None:
    """Take the events of all accounts by SwitchBot's own MQTT, and wake the homes.

    No address that others reach is needed: one connection an account, and one call of
    its day whenever a certificate is made.
    """
    from aiohttp import ClientSession  # noqa: PLC0415 - only for who listens

    from switchbot_automation.fleet.events import FleetEvents  # noqa: PLC0415 - likewise
    from switchbot_automation.fleet.worker import clients_of  # noqa: PLC0415 - likewise

    try:
        from switchbot_automation.fleet.push import (  # noqa: PLC0415 - the extra `mqtt`
            FleetPush,
            accounts_of,
            homes_with_settings,
        )
    except ImportError as error:
        told = _("install switchbot-automation[fleet,mqtt] ({error})", error=error)
        raise Misuse(told) from error
    if part > parts:
        raise Misuse(
            _("--part {part} of --parts {parts}: no such part", part=part, parts=parts)
        )
    make_clients = clients_of(accounts)

    async def listened() -> None:
        async with (
            ThreadedStore(_store()) as store,
            ClientSession() as session,
            _queue(shards) as queue,
        ):
            client_of: Any = make_clients(session)

            async def accounts_now() -> dict[str, list[str]]:
                return accounts_of(
                    await homes_with_settings(store), client_of, part=part, parts=parts
                )

            events = FleetEvents(queue.wake, store=store)
            listening = FleetPush(accounts_now, client_of, events)
            if as_json:
                print_json({"accounts": len(await accounts_now())})
            running = asyncio.create_task(listening.run())
            with stop_requested() as stop:
                waits: set[asyncio.Future[Any]] = {running, stop}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            running.cancel()
            await asyncio.wait({running})

    on_a_loop(listened())


@fleet.command("webhook-path")
@click.argument("home")
@click.option("--key", envvar="SWITCHBOT_FLEET_WEBHOOK_KEY", required=True)
@json_option("Print one object with `home` and `path`.")
@logging_options()
def webhook_path(home: str, key: str, as_json: bool) -> None:
    """Print the path of HOME's webhook URL, which is a secret."""
    from switchbot_automation.fleet.webhooks import path_of  # noqa: PLC0415 - the extra `fleet`

    path = path_of(key, checked_home(home))
    if as_json:
        print_json({"home": home, "path": path})
    else:
        echo(path)


@fleet.command()
@click.argument("name")
@click.argument("changes", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--share",
    required=True,
    type=click.FloatRange(0, 1),
    help="Of all homes, 0 to 1; a larger one has all of a smaller one.",
)
@click.option(
    "--days",
    default=14.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Try it on so much of each home's history first; 0 for not at all.",
)
@workers_option
@cluster_option
@click.option("--dry-run", is_flag=True, help="Write nothing.")
@json_option("Print one object a home, a line each.")
@logging_options("warning")
def rollout(
    *,
    name: str,
    changes: Path,
    share: float,
    days: float,
    workers: int,
    cluster: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Lay the settings in CHANGES over those of a share of the homes, under NAME.

    A home whose own history says that it would be kept worse is left as it is. The way
    back is `fleet rollback NAME`. Exit code 1 where a home failed, or none is in the share.
    """
    from switchbot_automation.fleet.rollout import homes_within, roll_out  # noqa: PLC0415 - only for who has many
    from switchbot_automation.fleet.spread import spreading  # noqa: PLC0415 - likewise

    document = load_document(changes)
    known = _homes_with_settings()
    homes = homes_within(known, name, share)
    if not homes:
        raise click.ClickException(
            _("none of {homes} homes is in that share", homes=len(known))
        )
    end = datetime.now(UTC)
    span = (end - timedelta(days=days), end) if days else None
    with (
        _store() as store,
        spreading(workers, cluster) as spread,
    ):
        found = roll_out(
            store, name, document, homes, spread=spread, span=span, dry_run=dry_run
        )
        _tell_of(found, as_json=as_json)


@fleet.command()
@click.argument("name")
@json_option("Print one object a home, a line each.")
@logging_options("warning")
def rollback(name: str, as_json: bool) -> None:
    """Put back what the rollout NAME changed, and was not changed since.

    Exit code 1 where a home failed, or none has it.
    """
    from switchbot_automation.fleet.rollout import roll_back  # noqa: PLC0415 - only for who has many

    homes = _homes_with_settings()
    with _store() as store:
        if not _tell_of(roll_back(store, name, homes), as_json=as_json):
            raise click.ClickException(
                _(
                    "none of {homes} homes has the rollout {name!r}",
                    homes=len(homes),
                    name=name,
                )
            )


def _in_words(name: str) -> str:
    return translated_in("homes", _COUNTED[name])


def _tell_of(found: Iterable[Rolled], *, as_json: bool) -> int:
    """Tell what became of each home; return of how many. Raises where one failed."""
    count = failed = 0
    for each in found:
        count += 1
        failed += each.what == "failed"
        if as_json:
            print_json(each._asdict())
        else:
            echo(f"{each.home}\t{each.what}\t{error_words(each.why)}")
    if failed:
        raise click.ClickException(
            _("{failed} of {homes} homes failed", failed=failed, homes=count)
        )
    return count


def _unheard(error: OSError) -> Misuse:
    """Return what is said where nobody can listen."""
    return Misuse(_("HOST:PORT: {error}", error=error.strerror or error))


def _store() -> StoreInterface:
    """Return the homes' store, not opened.

    Where it is away that is said: what a mirror on this machine has is not how a fleet
    fares, and one of thousands of homes is not to be made for a look.
    """
    return get_store(for_a_fleet(StoreConfig.from_env()))


def _homes_with_settings() -> list[str]:
    from switchbot_store.backup import list_homes  # noqa: PLC0415 - no worker's matter

    with _store() as store:
        return list(_having_settings(store, list_homes(store)))


def with_settings(homes: Sequence[str]) -> list[str]:
    """Return the homes, each once. Raises UnknownHomeError for the first without settings.

    Whoever visits such a home lets it be, so that nobody would hear of a wrong name.
    """
    wanted = list(dict.fromkeys(map(checked_home, homes)))
    with _store() as store:
        found = set(_having_settings(store, wanted))
    for home in wanted:
        if home not in found:
            raise UnknownHomeError(home)
    return wanted


def _having_settings(store: StoreInterface, homes: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(homes), _HOMES_AT_ONCE):
        some = homes[start : start + _HOMES_AT_ONCE]
        keys = [f"homes/{home}/settings" for home in some]
        entries, unread = read_each(store, keys)
        for home, key in zip(some, keys, strict=True):
            if key in unread or entries[key].revision:
                yield home


@asynccontextmanager
async def _queue(shards: int, *given: Any, **named: Any) -> AsyncIterator[FleetQueue]:
    try:
        from switchbot_automation.fleet.queue import (  # noqa: PLC0415 - the extra `fleet`
            UNANSWERED,
            FleetQueue,
        )
    except ImportError as error:
        raise Misuse(
            _("install switchbot-automation[fleet] ({error})", error=error)
        ) from error
    conninfo = os.environ.get(_QUEUE_URL) or StoreConfig.from_env().conninfo
    if conninfo is None:
        raise Misuse(
            _(
                "a queue is in PostgreSQL: set STORE_BACKEND=postgres or {variable}",
                variable=_QUEUE_URL,
            )
        )
    try:
        async with FleetQueue(conninfo, *given, shards=shards, **named) as queue:
            yield queue
    except UNANSWERED as error:
        if getattr(error.__cause__, "sqlstate", None) in _NOT_THERE:
            raise click.ClickException(
                _(
                    "the queue has no tables: `switchbot-automation fleet install` "
                    "makes them"
                )
            ) from error
        why = " ".join(str(error.__cause__ or error).split())
        raise click.ClickException(
            _("the queue does not answer: {why}", why=why)
        ) from error
