"""Series that something else writes into a file: which files are read, and what is said of others."""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import voluptuous as vol
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import PluginError
from switchbot_automation.series import MOST_POINTS
from switchbot_automation.series_file import SeriesFile, series
from switchbot_automation.simulation import (
    SimulatedClock,
    SimulatedHome,
    default_settings,
)
from switchbot_automation.testing import SeriesContract
from switchbot_store import MemoryStore

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def source(path, *, now=NOON, **config):
    schema = series.schema
    return SeriesFile(schema({"path": str(path)} | config), now=lambda: now)


@pytest.fixture
def written(tmp_path):
    """Write a file; it is as old as the clock of these tests says."""

    def write(content, name="prices"):
        path = tmp_path / name
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (NOON.timestamp(), NOON.timestamp()))
        return path

    return write


class TestTheContract(SeriesContract):
    @pytest.fixture
    def source(self, tmp_path):
        now = datetime.now(UTC)
        hours = [now + n * HOUR for n in range(30)]
        path = tmp_path / "prices.json"
        rows = [{"start": at.isoformat(), "price": n % 5} for n, at in enumerate(hours)]
        path.write_text(json.dumps(rows))
        return SeriesFile(series.schema({"path": str(path)}))


LISTED = [
    {"start": "2026-01-12T11:00:00+00:00", "value": 0.2},
    {"start": "2026-01-12T12:00:00+00:00", "value": 0.1},
]
SAME = {
    "json": (LISTED, {}),
    "a list in an object": ({"day": "today", "data": LISTED}, {}),
    "one list of several": ({"a": {"today": LISTED}, "b": [1]}, {"list": "a.today"}),
    "csv": ("start,price\n2026-01-12T11:00Z,0.2\n2026-01-12T12:00Z,0.1\n", {}),
    "decimal commas": (
        "time;total\n2026-01-12 12:00;0,2\n2026-01-12 13:00;0,1\n",
        {"timezone": "Europe/Paris"},
    ),
    "milliseconds and a MWh": (
        {
            "data": [
                {
                    "start_timestamp": 1768215600000,
                    "end_timestamp": 1768219200000,
                    "marketprice": 200,
                },
                {
                    "start_timestamp": 1768219200000,
                    "end_timestamp": 1768222800000,
                    "marketprice": 100,
                },
            ]
        },
        {"factor": 0.001},
    ),
    "names of its own": (
        "wann,was,x\n1768215600,0.2,\n1768219200,0.1,\n",
        {"start": "wann", "value": "was"},
    ),
    "not in order": (list(reversed(LISTED)), {}),
    "a mark of the order of bytes": ("\ufeff" + json.dumps(LISTED), {}),
}


@pytest.mark.parametrize("name", SAME)
async def test_files_as_markets_and_people_write_them_are_read(written, name):
    content, config = SAME[name]
    found = await source(written(content), **config).read()
    assert [value for _, value in found.points] == pytest.approx([0.2, 0.1])
    assert [at for at, _ in found.points] == [NOON - HOUR, NOON]
    assert found.ends == NOON + HOUR
    assert found.issued_at == NOON


WRONG = {
    "empty": ("", {}, "empty"),
    "text": ("no prices today", {}, "expected a list"),
    "half a JSON": ('[{"start": ', {}, "line 1"),
    "no value": (
        [{"start": "2026-01-12T12:00Z", "cost": 1}],
        {},
        "one of its 2 columns",
    ),
    "no timezone": ([{"start": "2026-01-12T12:00", "value": 1}], {}, "`timezone`"),
    "no instant": ([{"start": "noon", "value": 1}], {}, "entry 1, start: "),
    "no number": ([*LISTED, {"start": 1768226400, "value": "-"}], {}, "entry 3, value"),
    "not finite": ([{"start": 1768226400, "value": "nan"}], {}, "finite"),
    "twice": ([LISTED[0], LISTED[0]], {}, "twice"),
    "two lists": ({"a": LISTED, "b": LISTED}, {}, "of 2 that are there"),
    "no such list": ({"a": LISTED}, {"list": "c.d"}, "'c.d'"),
    "numbers alone": ([1, 2], {}, "list of objects"),
    "no UTF-8": (None, {}, "utf-8"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_cannot_be_read_says_where_and_what_to_change(written, name):
    content, config, words = WRONG[name]
    path = written(content or "")
    if content is None:
        path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PluginError, match="prices") as caught:
        await source(path, **config).read()
    assert words in str(caught.value)


FILES_OF_SECRETS = {
    "variables": "SWITCHBOT_TOKEN=hush\nSWITCHBOT_SECRET=hush\n",
    "one a line": "hush\nhush\nhush\n",
    "columns": "time,value,hush\nhush,hush,hush\n",
    "semicolons": "time;value\n2026-01-12T12:00Z;hush\n",
    "names": {"hush": "hush", "hushes": ["hush"]},
    "lists": {"hush": ["hush"], "hush2": ["hush"]},
    "objects": {"list": [{"hush": "hush"}]},
    "instants": [{"start": "hush", "value": "hush"}],
    "values": [{"start": "2026-01-12T12:00Z", "value": "hush"}],
    "without a timezone": [{"start": "2026-01-12T12:00", "value": "hush"}],
    "broken": '{"hush": "hush',
}


@pytest.mark.parametrize("config", [{}, {"list": "a"}, {"start": "time", "value": "b"}])
@pytest.mark.parametrize("name", FILES_OF_SECRETS)
async def test_an_error_says_nothing_of_what_is_in_the_file(written, name, config):
    """Who may change the settings names it, and may read no secret."""
    path = written(FILES_OF_SECRETS[name])
    with pytest.raises(PluginError) as caught:
        await source(path, **config).read()
    assert "hush" not in f"{caught.value!r}{caught.value.__cause__!r}"


@pytest.mark.parametrize(
    "start",
    [
        *("9999-12-31T23:59:00-14:00", "0001-01-01T00:00:00+14:00"),
        *("9999-12-31T23:59:00", "2201-01-01T00:00:00Z", "1969-12-31T23:00:00Z"),
        *("2026-06-30T23:59:60Z", 10**400, 1e18),
    ],
)
async def test_an_instant_that_nobody_can_compute_with_is_refused_in_words(
    written, start
):
    path = written([{"start": start, "value": 0.2}])
    with pytest.raises(PluginError, match="entry 1, start: this is no"):
        await source(path, timezone="America/New_York").read()


async def test_a_value_that_no_number_holds_is_refused_in_words(written):
    path = written([{"start": "2026-01-12T13:00Z", "value": 10**400}])
    with pytest.raises(PluginError, match="no number"):
        await source(path).read()


@pytest.mark.parametrize("place", ["/dev/zero", "pipe", "."])
async def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, place):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PluginError):
        await source(tmp_path / place).read()


async def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PluginError, match="gone"):
        await source(tmp_path / "gone").read()


async def test_what_follows_a_gap_is_not_known_before_it_begins(written):
    rows = [
        {"start": NOON.isoformat(), "end": (NOON + HOUR).isoformat(), "value": 1},
        {"start": (NOON + 3 * HOUR).isoformat(), "value": 2},
    ]
    path = written(rows)
    assert (await source(path).read()).ends == NOON + HOUR
    after = await source(path, now=NOON + 2 * HOUR).read()
    assert after.at(NOON + 3 * HOUR) == 2
    assert after.at(NOON + 2 * HOUR) is None


async def test_of_a_long_file_the_days_around_now_count(written):
    lines = ["start,value"]
    begin = NOON - timedelta(days=200)
    lines += [f"{(begin + n * HOUR).isoformat()},{n % 24}" for n in range(400 * 24)]
    found = await source(written("\n".join(lines))).read()
    assert len(found.points) <= MOST_POINTS
    assert found.at(NOON) is not None
    assert found.at(NOON + timedelta(days=11)) is not None


async def test_the_hour_that_clocks_have_twice_is_two_hours(written):
    text = "start,value\n" + "".join(
        f"2026-10-25 {hour}:00,{n}\n"
        for n, hour in enumerate(["01", "02", "02", "03", "04"])
    )
    now = datetime(2026, 10, 24, 23, tzinfo=UTC)
    found = await source(written(text), timezone="Europe/Paris", now=now).read()
    assert [at.hour for at, _ in found.points] == [23, 0, 1, 2, 3]


@pytest.mark.parametrize(
    "config",
    [{}, {"path": ""}, {"path": "p", "timezone": "Mars"}, {"path": "p", "pfad": "q"}],
)
def test_a_part_that_is_wrong_is_refused(config):
    with pytest.raises(vol.Invalid):
        series.schema(config)


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8")))
def test_whatever_stands_in_it_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "prices"
    path.write_bytes(content)
    with suppress(PluginError):
        source(path)._read()


async def test_a_room_has_its_price_from_a_file(tmp_path):
    clock = SimulatedClock(datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    starts = [clock.now() + n * HOUR for n in range(12)]
    path = tmp_path / "prices.csv"
    path.write_text(
        "start,price\n"
        + "".join(
            f"{at.isoformat()},{0.1 if n < 3 else 0.4}\n" for n, at in enumerate(starts)
        )
    )
    store = MemoryStore(now=clock.now)
    store.set(
        "settings",
        default_settings("winter")
        | {
            "control": "auto",
            "plugins": {"tariff": {"series": "file", "path": str(path)}},
            "price": {"source": "tariff"},
        },
    )
    engine = AutomationEngine(SimulatedHome(clock), store, clock=clock)
    await engine.run_once()
    told = (await engine.health())["plugins"]["series"]["tariff"]
    assert (told["problem"], told["now"]) == (None, 0.1)
    path.write_text("nothing")
    clock.advance(3700)
    await engine.run_once()
    told = (await engine.health())["plugins"]["series"]["tariff"]
    assert "prices.csv" in told["problem"]
    assert told["now"] == 0.1
