"""`simulate`: the engine and a simulated room, for days, in seconds."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import switchbot_store
from switchbot_automation import plotting
from switchbot_automation.cli.output import (
    Misuse,
    cluster_option,
    json_option,
    load_document,
    logging_options,
    print_json,
    print_table,
    workers_option,
)
from switchbot_automation.cli.progress import progress_bar
from switchbot_automation.cli.stopping import interruptible
from switchbot_automation.settings.table.zone import CONTROLS
from switchbot_automation.simulation import new_settings
from switchbot_automation.simulation import plot as plots
from switchbot_automation.simulation import simulate as run_simulation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.simulation import SimulationReport
    from switchbot_store import HistoryService, StoreInterface

_NONE = "none"
_SEASONS = ("winter", "summer")
_LEAST_DAYS = 0.05
_MOST_DAYS = 366
# Days pass within seconds, so a batch is a day or two of rows.
_HISTORY_BATCH = 500
# Where `get_history` looks for it.
_HISTORY_FILE = "history.sqlite3"


@click.command()
@click.option(
    "--days",
    default=7.0,
    show_default=True,
    type=click.FloatRange(_LEAST_DAYS, _MOST_DAYS),
    help="How long.",
)
@click.option(
    "--season",
    type=click.Choice(_SEASONS),
    help="Which weather; without it, the season that the settings are in, else winter.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    help="Another number, another week: weather, people, noise.",
)
@click.option(
    "--settings",
    "settings_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A settings document; without it, the best for the season.",
)
@click.option(
    "--control",
    type=click.Choice((*CONTROLS, _NONE)),
    help="How the room is kept; without it, as the settings say, else auto. `none`: as a "
    "document that names no control.",
)
@click.option(
    "--store",
    "store_url",
    metavar="URL",
    help="Keep settings, state and history in postgresql://... or json:DIRECTORY, which "
    "must not hold settings yet; without it they are gone at the end.",
)
@click.option(
    "--plot",
    "plot_file",
    metavar="FILE.png",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw room, band, running hours and outdoor temperature.",
)
@click.option(
    "--homes",
    default=1,
    show_default=True,
    type=click.IntRange(1, 1_000_000),
    help="Simulate so many homes, with the seeds from --seed on, and show all of them"
    " together.",
)
@workers_option
@cluster_option
@json_option("Print the figures as one object.")
@logging_options("error")
def simulate(
    *,
    homes: int,
    workers: int,
    cluster: str | None,
    days: float,
    season: str | None,
    seed: int,
    settings_file: Path | None,
    control: str | None,
    store_url: str | None,
    plot_file: Path | None,
    as_json: bool,
) -> None:
    """Watch the engine keep a simulated room comfortable.

    The engine is the real one, and so is the store; only the house, its air conditioner
    and the SwitchBot cloud are simulated. No webhook is sent.
    """
    settings = None if settings_file is None else load_document(settings_file)
    if season is None:
        season = _season_of(settings)
    if settings is None:
        settings = new_settings(season)
    if control is not None:
        settings = {key: each for key, each in settings.items() if key != "control"}
    if control not in (None, _NONE):
        settings["control"] = control
    if homes > 1 or workers or cluster:
        if store_url or plot_file:
            raise Misuse("--store and --plot are of one home in this process")
        how = {"days": days, "season": season, "seed": seed}
        _simulate_homes(homes, settings, how, workers, cluster, as_json=as_json)
        return
    if plot_file is not None:
        check_plot(plot_file)
    with ExitStack() as stack:
        store, history = _kept_at(store_url, stack)
        on_progress = stack.enter_context(progress_bar("Simulating"))
        stack.enter_context(interruptible())
        report = asyncio.run(
            run_simulation(
                settings,
                days=days,
                season=season,
                seed=seed,
                store=store,
                history=history,
                on_progress=on_progress,
            )
        )
    if as_json:
        print_json(report.to_dict())
    else:
        _print_report(report)
    if plot_file is not None:
        _plot(report, plot_file, quiet=as_json)


def _simulate_homes(
    homes: int,
    settings: dict[str, Any],
    how: dict[str, Any],
    workers: int,
    cluster: str | None,
    *,
    as_json: bool,
) -> None:
    from switchbot_automation.fleet.spread import (  # noqa: PLC0415 - only for who has many
        over_homes,
        simulate_homes,
        spreading,
    )

    with (
        progress_bar("Simulating") as advance,
        interruptible(),
        spreading(workers, cluster) as spread,
    ):
        found = simulate_homes(
            spread,
            settings,
            homes,
            on_progress=advance,
            **how,
        )
    figures = over_homes(found)
    if as_json:
        print_json({"homes": homes, "figures": figures, "reports": found})
        return
    columns = ("mean", "p50", "p95", "max")
    print_table(
        f"{homes} homes, {how['days']:g} days of {how['season']}, seeds from {how['seed']}",
        ("", *columns),
        [
            (name.replace("_", " "), *(f"{each[column]:g}" for column in columns))
            for name, each in figures.items()
        ],
    )


def _season_of(settings: dict[str, Any] | None) -> str:
    mode = (settings or {}).get("mode")
    return mode if mode in _SEASONS else _SEASONS[0]


def check_plot(path: Path) -> None:
    """Find out before the work whether there can be a picture."""
    try:
        plotting.require()
    except plotting.PlotUnavailableError as error:
        raise Misuse(str(error)) from error
    if not path.absolute().parent.is_dir():
        raise Misuse(f"{path}: no such directory")


def _kept_at(
    url: str | None, stack: ExitStack
) -> tuple[StoreInterface | None, HistoryService | None]:
    """Open store and history at `url`; `stack` closes them."""
    if url is None:
        return None, None
    scheme, _, rest = url.partition(":")
    if scheme == "json" and rest:
        place: Mapping[str, str] = {"STORE_DIRECTORY": rest.removeprefix("//")}
    elif scheme.partition("+")[0] in {"postgres", "postgresql"}:
        # The URL that was asked for, or an error; never another place instead.
        place = {
            **os.environ,
            "STORE_BACKEND": "postgres",
            "POSTGRES_URL": url,
            "STORE_FALLBACK": "refuse",
            "ENVIRONMENT": "",
        }
    else:
        raise Misuse("--store takes postgresql://... or json:DIRECTORY")
    config = switchbot_store.StoreConfig.from_env(place)
    store = stack.enter_context(switchbot_store.get_store(config))
    history = switchbot_store.HistoryService(
        switchbot_store.PostgresHistory(config.conninfo, pooler=config.pooler)
        if config.backend == "postgres"
        else switchbot_store.SqliteHistory(config.directory / _HISTORY_FILE),
        batch_size=_HISTORY_BATCH,
    )
    return store, stack.enter_context(history)


def _print_report(report: SimulationReport) -> None:
    series = report.series
    comfort = 100.0 - report.percent_out_of_band
    days = f"{report.days:g} day{'' if report.days == 1 else 's'}"
    print_table(
        f"{days} of {report.season}, seed {report.seed}",
        ("", "", ""),
        (
            (
                "Comfort",
                f"{comfort:.1f} %",
                f"of the windows inside {series.band_low:g} to {series.band_high:g} °C",
            ),
            (
                "Time out of band",
                f"{report.percent_out_of_band:.1f} %",
                "of the windows",
            ),
            (
                "Degree-minutes",
                f"{report.degree_minutes_per_day:.0f} a day",
                "how far outside, added up",
            ),
            (
                "Starts",
                f"{report.starts_per_day:.1f} a day",
                f"at most {report.max_starts_in_an_hour} in any hour",
            ),
            ("Commands", f"{report.commands_per_day:.1f} a day", "sent to the cloud"),
            (
                "API calls",
                f"{report.api_calls_per_day:.0f} a day",
                "of the 10000 that SwitchBot allows",
            ),
            ("Energy", f"{report.kwh_per_day:.1f} kWh a day", "electric"),
            (
                "Ticks",
                f"{report.ticks}",
                f"simulated in {report.wall_seconds:.1f} s",
            ),
        ),
    )


def _plot(report: SimulationReport, path: Path, *, quiet: bool) -> None:
    days = f"{report.days:g} simulated day{'' if report.days == 1 else 's'}"
    title = f"{days} in {report.season}"
    try:
        plots.draw(report.series, path, title=title, season=report.season)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error
    click.echo(f"Drawn: {path}", err=quiet)
