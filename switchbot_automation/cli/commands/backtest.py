"""`backtest`: what other settings would have made of one's own history."""

from __future__ import annotations

from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchbot_automation.backtest import backtest as what_if
from switchbot_automation.backtest.plot import draw_backtest
from switchbot_automation.cli.commands.replay import read_recording
from switchbot_automation.cli.commands.simulate import check_plot
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
from switchbot_automation.errors import UnknownZoneError
from switchbot_automation.explain.brought import of_backtest, recorded_words
from switchbot_automation.explain.words import day_words
from switchbot_automation.fleet.shared_store import for_a_fleet
from switchbot_automation.instants import parse_instant
from switchbot_automation.languages import error_words, measure, number_words
from switchbot_automation.languages import translated as _
from switchbot_automation.settings.proposal import kept_by_auto
from switchbot_automation.settings.read import parse_settings
from switchbot_store import StoreConfig, get_history, get_store
from switchbot_store.backup import list_homes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from switchbot_automation.backtest import BacktestReport
    from switchbot_automation.simulation.replay import RecordedReading

_SETTINGS_KEY = "settings"
_MONTH = timedelta(days=30)


@click.command()
@click.argument(
    "candidate", required=False, type=click.Path(dir_okay=False, path_type=Path)
)
@click.option(
    "--from",
    "start_text",
    metavar="WHEN",
    help="A date or ISO 8601 (default: 30 days before the end).",
)
@click.option(
    "--to",
    "end_text",
    metavar="WHEN",
    help="Likewise, not included (default: now, or the last reading).",
)
@click.option("--zone", metavar="NAME", help="Which zone (default: the first one).")
@click.option(
    "--settings",
    "settings_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The current settings (default: those in the store of the environment).",
)
@click.option(
    "--readings",
    "readings_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A CSV as for `replay`, also one from the phone app "
    "(default: the history of the environment).",
)
@click.option(
    "--plot",
    "plot_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Draw both into a PNG file; needs the extra `plot`.",
)
@click.option(
    "--homes",
    metavar="all|NAME,...",
    help="Over these homes' own histories, each with its own current settings.",
)
@workers_option
@cluster_option
@json_option("Print the figures as one object.")
@logging_options("warning")
def backtest(
    *,
    homes: str | None,
    workers: int,
    cluster: str | None,
    candidate: Path | None,
    start_text: str | None,
    end_text: str | None,
    zone: str | None,
    settings_file: Path | None,
    readings_file: Path | None,
    plot_file: Path | None,
    as_json: bool,
) -> None:
    """Compare the settings in CANDIDATE with the current ones over recorded history.

    Without CANDIDATE: what would change if every zone were kept by `control: auto`.

    Until the first decision that differs both are judged on the recorded readings; from
    then on in a room model fitted to them, whose error is shown. Less than three days
    of readings, or a model wrong by more than half a kelvin, is refused with exit
    code 1. Nothing is commanded and nothing is stored.
    """
    if homes is not None:
        if zone or settings_file or readings_file or plot_file:
            raise Misuse(
                _("--homes goes with --from, --to, --workers and --cluster alone")
            )
        if candidate is None:
            raise Misuse(_("--homes asks for a CANDIDATE"))
        span = _range(start_text, end_text, UTC, None)
        document = load_document(candidate)
        parse_settings(document)
        _backtest_homes(homes, document, span, workers, cluster, as_json=as_json)
        return
    if plot_file is not None:
        check_plot(plot_file)
    # What cannot be read is said before anything is opened.
    wanted = None if candidate is None else parse_settings(load_document(candidate))
    with ExitStack() as stack:
        document = _current(settings_file, stack)
        current = parse_settings(document)
        measure(current.unit)
        wanted = wanted or parse_settings(kept_by_auto(document))
        name = zone or current.default.name
        if name not in current.zones:
            raise UnknownZoneError(name, current.zones)
        tz = current.zones[name].timezone
        readings = None if readings_file is None else _readings(readings_file)
        start, end = _range(start_text, end_text, tz, readings)
        history: Any = readings
        if history is None:
            history = stack.enter_context(closing(get_history(creating=False)))
        advance = stack.enter_context(progress_bar(_("Backtesting")))
        stack.enter_context(interruptible())
        report = what_if(
            history, current, wanted, start, end, zone=name, on_progress=advance
        )
    if as_json:
        print_json(report.to_dict())
    else:
        _print_report(report, tz)
    if plot_file is not None:
        _plot(report, plot_file, tz, quiet=as_json)


def _backtest_homes(
    homes: str,
    candidate: dict[str, Any],
    span: tuple[datetime, datetime],
    workers: int,
    cluster: str | None,
    *,
    as_json: bool,
) -> None:
    from switchbot_automation.cli.commands.fleet import with_settings  # noqa: PLC0415 - only for who has many
    from switchbot_automation.fleet.spread import (  # noqa: PLC0415 - likewise
        backtest_homes,
        over_homes,
        spreading,
    )

    if homes == "all":
        with get_store(for_a_fleet(StoreConfig.from_env())) as store:
            names = list_homes(store)
    else:
        names = with_settings([each for each in homes.split(",") if each])
    if not names:
        raise click.ClickException(_("there is no home"))
    with (
        progress_bar(_("Backtesting")) as advance,
        interruptible(),
        spreading(workers, cluster) as spread,
    ):
        found = backtest_homes(
            spread, names, *span, candidate=candidate, on_progress=advance
        )
    reports = [each["report"] for each in found if "report" in each]
    sides = {
        side: over_homes([each[side] for each in reports])
        for side in ("current", "candidate")
    }
    problems = [each for each in found if "problem" in each]
    if as_json:
        print_json({"homes": len(found), **sides, "reports": found})
        return
    print_table(
        _("{homes} of {all} homes", homes=len(reports), all=len(found)),
        ("", _("current"), _("candidate")),
        [
            (
                name.replace("_", " "),
                number_words(figure["mean"]),
                number_words(sides["candidate"][name]["mean"]),
            )
            for name, figure in sides["current"].items()
        ],
    )
    for each in problems:
        echo(f"{each['home']}: {error_words(each['problem'])}", err=True)


def _current(path: Path | None, stack: ExitStack) -> dict[str, Any]:
    if path is not None:
        return load_document(path)
    store = stack.enter_context(get_store())
    document = store.get(_SETTINGS_KEY)
    if not document:
        raise Misuse(
            _("the store holds no settings; name the current ones by --settings")
        )
    return dict(document)


def _readings(path: Path) -> Sequence[RecordedReading]:
    recording = read_recording(path)
    if recording.bad_rows:
        words = _(
            "{path}: {count} rows were left out",
            path=path,
            count=len(recording.bad_rows),
        )
        echo(words, err=True)
    if not recording.readings:
        raise click.ClickException(_("{path}: no row could be read", path=path))
    return recording.readings


def _range(
    start_text: str | None,
    end_text: str | None,
    tz: tzinfo,
    readings: Sequence[RecordedReading] | None,
) -> tuple[datetime, datetime]:
    end, start = _instant(end_text, tz, "--to"), _instant(start_text, tz, "--from")
    if readings is not None:
        end = end or readings[-1].at + timedelta(microseconds=1)
        start = start or readings[0].at
    else:
        end = end or datetime.now(UTC)
        start = start or end - _MONTH
    if start >= end:
        raise Misuse(_("--from must be before --to"))
    return start, end


def _instant(text: str | None, tz: tzinfo, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_instant(text, timezone=tz)
    except ValueError as error:
        raise Misuse(
            _(
                "{option}: {error}; expected a date or ISO 8601, as 2026-01-31",
                option=option,
                error=error,
            )
        ) from None


def _print_report(report: BacktestReport, tz: tzinfo) -> None:
    low, high = report.band
    print_table(
        _(
            "{zone}, {days:.1f} days of readings,"
            " band {low_celsius:g} to {high_celsius:g} °C",
            zone=report.zone,
            days=float(report.observed_days),
            low_celsius=float(low),
            high_celsius=float(high),
        ),
        ("", _("current"), _("candidate")),
        ((_(name), *figures) for name, *figures in report.rows()),
    )
    echo(recorded_words(of_backtest(report)))
    for line in report_lines(report, tz):
        echo(line)


def report_lines(report: BacktestReport, tz: tzinfo) -> list[str]:
    """Return what has to be known to read the figures right."""
    lines = []
    if report.unit_inferred:
        lines.append(
            _(
                "The readings do not say what the air conditioner did; it is taken to have "
                "followed the current settings."
            )
        )
    if report.unrecorded_zones:
        lines.append(
            _(
                "Nothing was recorded of {zones}, with which {zone} shares an outdoor "
                "unit; it is taken to ask for nothing.",
                zones=", ".join(report.unrecorded_zones),
                zone=report.zone,
            )
        )
    if report.first_divergence is None or report.model is None:
        lines.append(_("The two never decide differently on these readings."))
        return lines
    model, at = report.model, report.first_divergence.astimezone(tz)
    lines.append(
        _(
            "They first differ at {instant}; until then these are the recorded "
            "readings, from then on a room model.",
            instant=" ".join((day_words(at), format(at, "%H:%M"))),
        )
    )
    lines.append(
        _(
            "On {days:.1f} days it was not fitted to, the model was wrong by {half_kelvin:.2f} K "
            "half an hour ahead and {hour_kelvin:.2f} K an hour ahead ({without_kelvin:.2f} K without "
            "the unit).",
            days=float(model.held_out_days),
            half_kelvin=float(model.error_kelvin),
            hour_kelvin=float(model.error_hour_kelvin),
            without_kelvin=float(model.error_without_unit_kelvin),
        )
    )
    return lines


def _plot(report: BacktestReport, path: Path, tz: tzinfo, *, quiet: bool) -> None:
    try:
        draw_backtest(report, path, tz)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error
    echo(_("Drawn: {path}", path=path), err=quiet)
