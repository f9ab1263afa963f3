"""`partition`: documents and history in hash partitions, while others use them."""

from __future__ import annotations

import click

from switchbot_store.cli import opening
from switchbot_store.cli.output import (
    counted,
    echo,
    json_option,
    logging_options,
    print_json,
    progress_bar,
)
from switchbot_store.config import StoreConfig
from switchbot_store.languages import translated as _
from switchbot_store.postgres.schema.partitioning import MOST_PARTS
from switchbot_store.postgres.schema.partitioning import partition as part


@click.command()
@click.option(
    "--modulus",
    required=True,
    type=click.IntRange(2, MOST_PARTS),
    help="In how many parts each table is to be, for good.",
)
@json_option("Print an array with `table`, `parts`, `rows` and `left_out`.")
@logging_options()
def partition(modulus: int, as_json: bool) -> None:
    """Move documents and history into hash partitions, online.

    For a store of many homes. Programs go on reading and writing; they wait once, for
    moments, when a table takes the place of the old one. It needs the room of the largest
    table once more. Stopped in the middle, by Ctrl-C too, call it again.
    """
    config = StoreConfig.from_env().whole
    opening.require_postgres(config, "partition")
    with progress_bar(as_json=as_json) as progress:
        done = part(config.conninfo or "", modulus, progress=progress)
    if as_json:
        print_json([each._asdict() for each in done])
        return
    for each in done:
        echo(
            _(
                "{table}: {parts} parts, {rows} moved",
                table=each.table,
                parts=each.parts,
                rows=counted(each.rows, "row"),
            )
        )
        for index in each.left_out:
            echo(
                _(
                    "{table}: the index {index} cannot be over parts, and is gone",
                    table=each.table,
                    index=index,
                )
            )
