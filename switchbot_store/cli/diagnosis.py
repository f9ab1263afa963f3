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
            "Problems were found" if problems else "No problem was found",
            ("", "about", "found", "what to do"),
            ((each.level, each.check, each.message, each.advice) for each in findings),
        )
    ctx.exit(FAILURE if problems else OK)
