"""`doctor`: the usual mistakes, and what to change."""

from __future__ import annotations

from dataclasses import asdict

import click

from switchbot_store.cli.output import (
    FAILURE,
    OK,
    json_option,
    logging_options,
    print_json,
    print_table,
)
from switchbot_store.doctor import examine
from switchbot_store.languages import error_words, later
from switchbot_store.languages import translated as _

_LEVELS = {"ok": later("ok"), "warning": later("warning"), "problem": later("problem")}


@click.command()
@json_option("Print one object with `ok` and `findings`.")
@logging_options()
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Find the usual mistakes and say what to change, changing nothing.

    The exit code is 1 when something is a problem; warnings leave it 0.
    """
    findings = examine()
    problems = [each for each in findings if each.level == "problem"]
    if as_json:
        rows = [asdict(each) for each in findings]
        print_json({"ok": not problems, "findings": rows})
    else:
        print_table(
            _("Problems were found") if problems else _("No problem was found"),
            ("", _("about"), _("found"), _("what to do")),
            (
                (
                    _(_LEVELS[each.level]),
                    each.check,
                    *map(error_words, (each.message, each.advice)),
                )
                for each in findings
            ),
        )
    ctx.exit(FAILURE if problems else OK)
