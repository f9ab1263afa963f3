"""`settings`: every setting there is, as a table, as Markdown or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import orjson

from switchbot_automation.cli.output import (
    FAILURE,
    echo,
    json_option,
    logging_options,
    print_json,
    print_table,
)
from switchbot_automation.languages import ENGLISH, later, speaking
from switchbot_automation.languages import translated as _
from switchbot_automation.settings.scale import unit_and_range
from switchbot_automation.settings.table import settings_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchbot_automation.settings.spec import SettingSpec

COLUMNS = (
    later("name"),
    later("type"),
    later("unit"),
    later("default"),
    later("range"),
    later("meaning"),
)

_HEAD = """# Settings

Every key of the settings document, as `switchbot-automation settings --markdown` prints
it. `winter.min_temp` is the key `min_temp` inside `winter`; `time_windows[].start` is in
each element of that list, `groups{}.policy` in each value of that object. With `zones`,
each zone starts from the keys beside it and may override them, except those for the
whole home. `-` as a default means that the key may be absent and has no value then.
"""


@click.command()
@click.argument("words", nargs=-1)
@click.option("--markdown", is_flag=True, help="Print the page of the documentation.")
@json_option("Print a list of objects.")
@logging_options("warning")
@click.pass_context
def settings(
    ctx: click.Context, words: tuple[str, ...], *, markdown: bool, as_json: bool
) -> None:
    """List every setting: name, type, unit, default, range and meaning.

    With WORDS, those in whose name or meaning each of them occurs; the exit code is 1
    when there is none.
    """
    found = [spec for spec in settings_table() if _matches(spec, words)]
    if as_json:
        print_json([spec.to_dict() for spec in found])
    elif markdown:
        with speaking(ENGLISH):
            told = page(found)
        echo(told, nl=False)
    else:
        columns = [_(each) for each in COLUMNS]
        print_table(_("Settings"), columns, (_cells(spec) for spec in found))
    ctx.exit(0 if found else FAILURE)


def page(specs: Iterable[SettingSpec]) -> str:
    """Return the settings as a Markdown page."""
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    for spec in specs:
        name, *others = (cell.replace("|", "\\|") for cell in _cells(spec))
        rows.append((f"`{name}`", *others))
    return "\n".join([_HEAD, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _matches(spec: SettingSpec, words: tuple[str, ...]) -> bool:
    told = (spec.meaning, _(spec.meaning))
    text = " ".join((spec.name, *spec.aliases, *told)).casefold()
    return all(word.casefold() in text for word in words)


def _cells(spec: SettingSpec) -> tuple[str, ...]:
    meaning = [_(spec.meaning)]
    if spec.aliases:
        meaning.append(_("Also called {names}.", names=", ".join(spec.aliases)))
    if not spec.per_zone and not spec.section:
        meaning.append(_("For the whole home."))
    unit, told_range = unit_and_range(spec)
    return (
        spec.name,
        _(spec.kind),
        unit,
        _default(spec),
        told_range,
        " ".join(meaning),
    )


def _default(spec: SettingSpec) -> str:
    if spec.required:
        return _("required")
    if spec.default is None:
        return "-"
    if isinstance(spec.default, str):
        return spec.default or '""'
    return _json(spec.default)


def _json(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(_json(each) for each in value)}]"
    return orjson.dumps(value).decode()
