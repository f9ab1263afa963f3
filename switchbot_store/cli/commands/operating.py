"""`ops`: ask the database what ails it. Extra ``ops``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from switchbot_store.cli.output import (
    FAILURE,
    OK,
    Misuse,
    echo,
    json_option,
    logging_options,
    print_json,
    print_table,
    whole,
)
from switchbot_store.config import StoreConfig
from switchbot_store.languages import error_words, later, number_words
from switchbot_store.languages import translated as _
from switchbot_store.postgres.location import connection_string

if TYPE_CHECKING:
    from collections.abc import Callable

_WORDS = {
    "ok": later("ok"),
    "unknown": "?",
    "warning": later("warning"),
    "critical": later("CRITICAL"),
}


_OBJECTS = {
    "table": later("tables of {schema}"),
    "view": later("views of {schema}"),
    "sequence": later("sequences of {schema}"),
    "extension": later("extensions of {schema}"),
}


@click.group()
def ops() -> None:
    """Ask PostgreSQL what ails it; nothing is changed, but by `role`.

    Which database comes from the environment, as for every command here.
    """


def _url(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--url",
        envvar="SWITCHBOT_OPS_URL",
        help="Another database than the environment's; without its password, which"
        " belongs into PGPASSWORD or ~/.pgpass.",
    )(command)


def _target(url: str | None) -> str:
    if url:
        return connection_string(url)
    config = StoreConfig.from_env()
    if config.conninfo is None:
        raise Misuse(
            _("STORE_BACKEND is not postgres: set it and POSTGRES_URL, or give --url")
        )
    return config.conninfo


@ops.command()
@click.option(
    "--checks",
    default="all",
    show_default=True,
    help="Some of index, connection, vacuum, sequence, replication, buffer, constraint.",
)
@click.option("--all", "show_all", is_flag=True, help="Show also what is well.")
@_url
@json_option("Print one object with `overall_status` and `findings`.")
@logging_options()
@click.pass_context
def health(
    ctx: click.Context, checks: str, show_all: bool, url: str | None, as_json: bool
) -> None:
    """Look for what ails the database.

    The exit code is 1 where something is critical, or a warning.
    """
    from switchbot_store.ops import Status, analyze_db_health  # noqa: PLC0415 - the driver only for who asks

    try:
        report = analyze_db_health(_target(url), checks)
    except ValueError as error:
        raise Misuse(error_words(error)) from error
    if as_json:
        print_json(report.to_dict())
    else:
        shown = report.findings if show_all else report.problems
        print_table(
            _(
                "{database} on PostgreSQL {server}: {status}, {number} of {total}"
                " findings to look at",
                database=report.database,
                server=report.server,
                status=_(_WORDS[report.overall_status]),
                number=len(report.problems),
                total=len(report.findings),
            ),
            [_("check"), _("status"), _("subject"), _("what"), _("fix")],
            [
                (
                    each.check,
                    _(_WORDS[each.status]),
                    each.subject,
                    error_words(each.message),
                    error_words(each.fix),
                )
                for each in shown
            ],
        )
    bad = report.overall_status in {Status.WARNING, Status.CRITICAL}
    ctx.exit(FAILURE if bad else OK)


@ops.command()
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 1000))
@click.option(
    "--sort",
    "sort_by",
    default="total_time",
    show_default=True,
    type=click.Choice(
        ["total_time", "mean_time", "calls", "rows", "blocks_read", "temp_blocks"]
    ),
)
@_url
@json_option("Print one object with `queries`.")
@logging_options()
@click.pass_context
def top(
    ctx: click.Context, limit: int, sort_by: Any, url: str | None, as_json: bool
) -> None:
    """Show the queries that cost the most (needs pg_stat_statements)."""
    from switchbot_store.ops import get_top_queries  # noqa: PLC0415 - the driver only for who asks

    found = get_top_queries(_target(url), limit, sort_by)
    if as_json:
        print_json(found.to_dict())
    elif found.how_to:
        echo(error_words(found.how_to), err=True)
    else:
        print_table(
            _("by {what}", what=sort_by),
            [_("total"), _("mean"), _("calls"), _("rows"), _("share"), _("query")],
            [
                (
                    f"{number_words(each.total_seconds, '.2f')} s",
                    f"{number_words(each.mean_seconds * 1000, '.2f')} ms",
                    whole(each.calls),
                    whole(each.rows),
                    f"{each.share or 0.0:.0%}",
                    " ".join(each.query.split())[:200],
                )
                for each in found.queries
            ],
        )
    ctx.exit(FAILURE if found.how_to else OK)


@ops.command()
@click.argument("sql")
@click.option("--analyze", is_flag=True, help="Run it, read-only, and measure.")
@click.option(
    "--index",
    "indexes",
    multiple=True,
    help="A CREATE INDEX statement to suppose (needs hypopg); may be repeated.",
)
@_url
@json_option("Print one object with `plan` and `text`.")
@logging_options()
def explain(
    sql: str, analyze: bool, indexes: tuple[str, ...], url: str | None, as_json: bool
) -> None:
    """Show how PostgreSQL would run one SELECT."""
    from switchbot_store.ops import explain_query  # noqa: PLC0415 - the driver only for who asks

    plan = explain_query(_target(url), sql, analyze, indexes)
    if as_json:
        print_json(plan.to_dict())
        return
    echo(plan.text)
    if plan.actual_seconds is not None:
        took = plan.actual_seconds * 1000
        echo(_("took {milliseconds:.2f} ms", milliseconds=took))
    for definition in plan.hypothetical:
        used = _("used") if definition in plan.used else _("not used")
        echo(f"{used}: {definition}")


@ops.command()
@click.argument("queries", nargs=-1)
@_url
@json_option("Print one object with `recommendations`.")
@logging_options()
@click.pass_context
def indexes(
    ctx: click.Context, queries: tuple[str, ...], url: str | None, as_json: bool
) -> None:
    """Advise on indexes for QUERIES, or for what the server has run (needs hypopg)."""
    from switchbot_store.ops import (  # noqa: PLC0415 - the driver only for who asks
        analyze_query_indexes,
        analyze_workload_indexes,
    )

    target = _target(url)
    advice = (
        analyze_query_indexes(target, queries)
        if queries
        else analyze_workload_indexes(target)
    )
    if as_json:
        print_json(advice.to_dict())
    elif advice.how_to:
        echo(error_words(advice.how_to), err=True)
    else:
        print_table(
            _(
                "examined {examined} of {total} queries, {number} indexes worth having",
                examined=advice.examined,
                total=advice.total,
                number=len(advice.recommendations),
            ),
            [_("saves"), _("size"), _("index")],
            [
                (
                    f"{each.gain:.0%}",
                    f"{number_words(each.estimated_bytes / 2**20, '.1f')} MB",
                    f"{each.definition};",
                )
                for each in advice.recommendations
            ],
        )
    ctx.exit(FAILURE if advice.how_to else OK)


@ops.command()
@click.argument("schema", required=False)
@click.argument("name", required=False)
@click.option(
    "--type",
    "object_type",
    default="table",
    show_default=True,
    type=click.Choice(["table", "view", "sequence", "extension"]),
)
@_url
@json_option("Print a list, or one object with `columns`.")
@logging_options()
def objects(
    schema: str | None,
    name: str | None,
    object_type: Any,
    url: str | None,
    as_json: bool,
) -> None:
    """List schemas, the objects of SCHEMA, or what NAME is made of."""
    from switchbot_store.ops import (  # noqa: PLC0415 - the driver only for who asks
        get_object_details,
        list_objects,
        list_schemas,
    )

    target = _target(url)
    if schema is None:
        schemas = list_schemas(target)
        if as_json:
            print_json([each.to_dict() for each in schemas])
            return
        rows = [(each.name, each.owner, str(each.objects)) for each in schemas]
        print_table(_("schemas"), [_("name"), _("owner"), _("objects")], rows)
    elif name is None:
        found = list_objects(target, schema, object_type)
        if as_json:
            print_json([each.to_dict() for each in found])
            return
        print_table(
            _(_OBJECTS[object_type], schema=schema),
            [_("name"), _("type"), _("size"), _("rows"), _("comment")],
            [
                (
                    each.name,
                    each.type,
                    ""
                    if each.bytes is None
                    else f"{number_words(each.bytes / 2**20, '.2f')} MB",
                    "" if each.estimated_rows is None else whole(each.estimated_rows),
                    each.comment,
                )
                for each in found
            ],
        )
    else:
        _show_details(get_object_details(target, schema, name).to_dict(), as_json)


def _show_details(details: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(details)
        return
    title = f"{details['type']} {details['schema']}.{details['name']}"
    for part in ("columns", "constraints", "indexes"):
        rows = details[part]
        if rows:
            table = [tuple(str(value) for value in row.values()) for row in rows]
            print_table(f"{title}: {part}", list(rows[0]), table)
    if details["sequence"]:
        pairs = [(name, str(value)) for name, value in details["sequence"].items()]
        print_table(title, ["", ""], pairs)
    if details["definition"]:
        echo(details["definition"])


@ops.command()
@click.argument("name")
@click.option(
    "--schema",
    "schemas",
    multiple=True,
    default=("public",),
    show_default=True,
    help="A schema whose tables it may read; may be repeated.",
)
@_url
@json_option("Print one object with `name` and `beyond_select`.")
@logging_options()
@click.pass_context
def role(
    ctx: click.Context,
    name: str,
    schemas: tuple[str, ...],
    url: str | None,
    as_json: bool,
) -> None:
    """Make the role NAME, which may SELECT and nothing else, to ask questions as.

    Its password is read from SWITCHBOT_OPS_PASSWORD, or from the first line of the
    standard input, and never shown. The exit code is 1 where everybody may do more than
    that in this database.
    """
    from switchbot_store.ops import make_role  # noqa: PLC0415 - the driver only for who asks

    password = os.environ.get("SWITCHBOT_OPS_PASSWORD") or click.prompt(
        _("Password"), hide_input=True, err=True
    )
    made = make_role(_target(url), name, password, schemas)
    if as_json:
        print_json(made.to_dict())
    else:
        echo(_("{role} may read {schemas}", role=name, schemas=", ".join(schemas)))
        for each in made.beyond_select:
            echo(_("beyond that, as everybody here, it {what}", what=each), err=True)
    ctx.exit(FAILURE if made.beyond_select else OK)
