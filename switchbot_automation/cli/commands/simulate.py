"""`simulate`: the engine and a simulated room, for days, in seconds."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import switchbot_store
from switchbot_automation.backtest import plotting
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
from switchbot_automation.cli.progress import progress_bar
from switchbot_automation.cli.stopping import interruptible
from switchbot_automation.languages import (
    error_words,
    later,
    later_in,
    measure,
    measured_in,
    number_words,
    translated_in,
    unit_of,
)
from switchbot_automation.languages import translated as _
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
_SEASON_WORDS = {
    "winter": later_in("time of year", "winter"),
    "summer": later_in("time of year", "summer"),
}
_FIGURES = {
    "ticks": later("ticks"),
    "api_calls_per_day": later("API calls a day"),
    "commands_per_day": later("commands a day"),
    "starts_per_day": later("starts a day"),
    "max_starts_in_an_hour": later("most starts in an hour"),
    "percent_out_of_band": later("percent of time out of band"),
    "degree_minutes_per_day": later("degree-minutes a day"),
    "kwh_per_day": later("kWh a day"),
    "wall_seconds": later("seconds to simulate"),
}
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
    measure(unit_of(settings) if settings else measured_in())
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
            raise Misuse(_("--store and --plot are of one home in this process"))
        how = {"days": days, "season": season, "seed": seed}
        _simulate_homes(homes, settings, how, workers, cluster, as_json=as_json)
        return
    if plot_file is not None:
        check_plot(plot_file)
    with ExitStack() as stack:
        store, history = _kept_at(store_url, stack)
        on_progress = stack.enter_context(progress_bar(_("Simulating")))
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
        progress_bar(_("Simulating")) as advance,
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
    columns = (later("mean"), "p50", "p95", later("max"))
    print_table(
        _(
            "{homes} homes, {days:g} days of {season}, seeds from {seed}",
            homes=homes,
            days=how["days"],
            season=_season_word(how["season"]),
            seed=how["seed"],
        ),
        ("", *map(_, columns)),
        [
            (_(_FIGURES[name]), *(number_words(each[column]) for column in columns))
            for name, each in figures.items()
        ],
    )


def _season_of(settings: dict[str, Any] | None) -> str:
    mode = (settings or {}).get("mode")
    return mode if mode in _SEASONS else _SEASONS[0]


def _season_word(season: str) -> str:
    return translated_in("time of year", _SEASON_WORDS[season])


def check_plot(path: Path) -> None:
    """Find out before the work whether there can be a picture."""
    try:
        plotting.require()
    except plotting.PlotUnavailableError as error:
        raise Misuse(error_words(error)) from error
    if not path.absolute().parent.is_dir():
        raise Misuse(_("{path}: no such directory", path=path))


def _kept_at(
    url: str | None, stack: ExitStack
) -> tuple[StoreInterface | None, HistoryService | None]:
    """Open store and history at `url`; `stack` closes them."""
    if url is None:
        return None, None
    scheme, _colon, rest = url.partition(":")
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
        raise Misuse(_("--store takes postgresql://... or json:DIRECTORY"))
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
    print_table(
        _(
            later("{days:g} day of {season}, seed {seed}")
            if report.days == 1
            else later("{days:g} days of {season}, seed {seed}"),
            days=report.days,
            season=_season_word(report.season),
            seed=report.seed,
        ),
        ("", "", ""),
        (
            (
                _("Comfort"),
                _("{percent:.1f} %", percent=comfort),
                _(
                    "of the windows inside {low:g} to {high:g} °C",
                    low=series.band_low,
                    high=series.band_high,
                ),
            ),
            (
                _("Time out of band"),
                _("{percent:.1f} %", percent=report.percent_out_of_band),
                _("of the windows"),
            ),
            (
                _("Degree-minutes"),
                _("{number:.0f} a day", number=report.degree_minutes_per_day),
                _("how far outside, added up"),
            ),
            (
                _("Starts"),
                _("{number:.1f} a day", number=report.starts_per_day),
                _("at most {number} in any hour", number=report.max_starts_in_an_hour),
            ),
            (
                _("Commands"),
                _("{number:.1f} a day", number=report.commands_per_day),
                _("sent to the cloud"),
            ),
            (
                _("API calls"),
                _("{number:.0f} a day", number=report.api_calls_per_day),
                _("of the 10000 that SwitchBot allows"),
            ),
            (
                _("Energy"),
                _("{number:.1f} kWh a day", number=report.kwh_per_day),
                _("electric"),
            ),
            (
                _("Ticks"),
                f"{report.ticks}",
                _("simulated in {seconds:.1f} s", seconds=report.wall_seconds),
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
    echo(_("Drawn: {path}", path=path), err=quiet)
