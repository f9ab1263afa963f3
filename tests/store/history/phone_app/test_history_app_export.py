"""What the phone app exports, in the forms that people's files have."""

import csv
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_store import StoreConfigError, StoreDataError
from switchbot_store.history.model import keys_of, late_hours
from switchbot_store.history.phone_app import dates, export
from switchbot_store.history.phone_app.dates import order_of, parse_moment
from switchbot_store.history.phone_app.export import BLOCK_ROWS, AppExport
from switchbot_store.history.postgres.copy_text import copy_lines
from tests.cases import slow_after

FULL = "Date,Temperature_Celsius(℃),Relative_Humidity(%),DPT(℃),VPD(kPa),Abs Humidity(g/m³)"
SHORT = "Timestamp,Temperature_Celsius,Relative_Humidity"
MOMENT = datetime(2026, 9, 1, 5, 56, tzinfo=UTC)  # 07:56 in Paris


def read(tmp_path, text, *, encoding="utf-8", timezone="Europe/Paris", **options):
    path = tmp_path / "Living_data.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    export = AppExport(path, zone="living", timezone=timezone, **options)
    return [sample for block in export.blocks() for sample in block], export.report


@pytest.mark.parametrize(
    ("header", "line", "metadata"),
    [
        (FULL, "2026-09-01 07:56,23.4,51,12.6,1.41,10.7", None),
        (
            f"{FULL},Light_Value",
            "2026-09-01 07:56,23.4,51,12.6,1.41,10.7,8",
            {"light_value": 8},
        ),
        (SHORT, "2026-09-01 07:56,23.4,51", None),
        (
            "Date,Temperature_Fahrenheit(℉),Relative_Humidity(%),DPT(℉),VPD(kPa)",
            "2026-09-01 07:56,74.12,51,54.7,1.41",
            None,
        ),
        (
            "Timestamp,Temperature_Fahrenheit,Relative_Humidity",
            "2026-09-01 07:56,74.12,51",
            None,
        ),
        (
            '"Timestamp","Temperature_Celsius(°C)","Relative_Humidity(%)","CO2(ppm)"',
            '"2026-09-01 07:56:00","23.4","51","640"',
            {"co2_ppm": 640},
        ),
        (
            "Date, Temperature_Celsius, Relative_Humidity",
            "2026-09-01 07:56, 23.4, 51",
            None,
        ),
        ("Date;Temperature(°C);Relative_Humidity(%)", "2026-09-01 07:56;23,4;51", None),
        ("Date\tTemperature(°F)\tHumidity(%)", "2026-09-01 07:56\t74.12\t51", None),
    ],
)
def test_every_header_is_understood(tmp_path, header, line, metadata):
    (sample,), report = read(tmp_path, f"{header}\n{line}\n")
    assert (sample.timestamp, sample.zone, sample.timezone) == (
        *(MOMENT, "living", "Europe/Paris"),
    )
    assert (sample.temperature, sample.humidity) == (23.4, 51)
    assert sample.metadata == metadata
    assert report.unit == ("fahrenheit" if "F" in header.split("H")[0] else "celsius")


@pytest.mark.parametrize(
    "date",
    [
        "2026-09-01 07:56",
        "2026-09-01 07:56:00",
        "2026/09/01 07:56",
        "2026/9/1 7:56",
        "2026-09-01T07:56:00+02:00",
        "2026-09-01T05:56:00Z",
        "Sep 1, 2026 07:56",  # cut in two by its own comma
        '"Sep 1, 2026 07:56"',
        '"Sept 1, 2026, 7:56 AM"',
        '"September 1, 2026 7:56\u202fAM"',
        "1 Sep 2026 07:56",
        '"2026-09-01 07:56 am"',
        "Sep 1, 2026, 7:56 AM",  # cut in three
        "1. September 2026 um 07:56 Uhr",
        "1 sept. 2026 à 07:56",
        "1 de septiembre de 2026, 7:56 a. m.",
        "1 de set. de 2026 07:56",
        "1 wrz 2026, 07:56",
        "1 сент. 2026 г., 07:56",  # noqa: RUF001 - Russian
        "2026年9月1日 07:56",
        "2026年9月1日午前7:56",
        "2026/09/01 上午7:56",
        "2026년 9월 1일 오전 7:56",
        "2026. 9. 1. 오전 7:56",
        "2026. 09. 01. 07:56:00",
        "2026년 9월 1일 화요일 오전 7시 56분",
        "2026年9月1日(火) 07時56分00秒",
        "2026年9月1日星期二 上午7:56",
        "\u200e٢٠٢٦-٠٩-٠١ ٠٧:٥٦",  # noqa: RUF001 - Arabic digits
    ],
)
def test_every_date_is_understood(tmp_path, date):
    (sample,), report = read(tmp_path, f"{SHORT}\n{date},23.4,51\n")
    assert (sample.timestamp, sample.temperature, sample.humidity) == (MOMENT, 23.4, 51)
    assert report.bad == 0


@given(moment=st.datetimes(datetime(2016, 1, 1), datetime(2060, 1, 1)))  # noqa: DTZ001 - wall clock
def test_dates_are_read_back_in_every_form(moment):
    moment = moment.replace(second=0, microsecond=0)
    for form in (
        *("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%b %d, %Y %H:%M", "%d %B %Y %H:%M"),
        *("%b %d, %Y %I:%M %p", "%Y-%m-%d %H:%M:%S"),
    ):
        assert parse_moment(moment.strftime(form)) == moment
    assert parse_moment(moment.strftime("%d/%m/%Y %H:%M"), "day") == moment
    assert parse_moment(moment.strftime("%m/%d/%Y %H:%M"), "month") == moment


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        *(("12:05 AM", 0), ("12:05 PM", 12), ("1:05 PM", 13), ("1:05 p.\u00a0m.", 13)),
        *(("午後0:05", 12), ("午前0:05", 0), ("午後11:05", 23), ("下午 12:05", 12)),
    ],
)
def test_halves_of_the_day_are_those_of_the_language(text, hour):
    assert parse_moment(f"2026-09-01 {text}").hour == hour


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2026-13-01 07:56", "2026-02-30 07:56", "2026-09-01"),
        *("2026-09-01 25:00", "Foo 1, 2026 07:56", "2026-09-01 13:56 PM"),
        *(
            "0026-09-01 07:56",
            "9999-09-01 07:56",
            "03/08/2025 22:20",
            "J 1, 2026 07:56",
            "1 jui 2026 07:56",  # June or July
            "2026-09-01 午後13:00",
        ),
    ],
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the sort is the contract
        parse_moment(text)


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        *(("utf-8", ""), ("utf-8-sig", ""), ("utf-16", ""), ("utf-16-le", "")),
        *(("utf-16-be", "\ufeff"), ("gb18030", ""), ("shift_jis", "")),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_encoding_is_understood(tmp_path, encoding, mark, end):
    header = SHORT.replace("Celsius", "Celsius(℃)")
    text = end.join((mark + header, "2026-09-01 07:56,23.4,51", ""))
    (sample,), report = read(tmp_path, text, encoding=encoding)
    assert (sample.timestamp, sample.temperature) == (MOMENT, 23.4)
    assert report.bad == 0


def test_a_degree_sign_in_a_western_encoding_names_the_unit(tmp_path):
    text = "Date,Temperature(°F),Humidity(%)\n2026-09-01 07:56,50,51\n"
    (sample,), _ = read(tmp_path, text, encoding="cp1252")
    assert sample.temperature == 10


def test_bad_lines_are_listed_with_their_numbers_and_the_rest_is_kept(tmp_path):
    lines = [
        *(SHORT, "2026-09-01 07:56,23.4,51", "yesterday,23.4,51", ""),
        *('2026-09-01 07:57,"23.4,51', "2026-09-01 07:58,warm,51"),
        *("2026-09-01 07:59,-200,51", "2026-09-01 08:00,23.4,101"),
        *("2026-09-01 08:01,,", "2026-09-01 08:02", "\0\0\0", "x" * 100_000),
        *(
            "2026-09-01 08:03,23.5,52",
            "2026-09-01 08:04,,53",
            "2026-09-01 08:05,23.6,--",
        ),
        "2026-09-01 08:0",
    ]
    samples, report = read(tmp_path, "\n".join(lines))
    assert [(sample.temperature, sample.humidity) for sample in samples] == [
        *((23.4, 51), (23.5, 52), (None, 53), (23.6, None)),
    ]
    numbers = [line.number for line in report.bad_lines]
    assert numbers == [3, 5, 6, 7, 8, 9, 10, 11, 12, 16]
    assert (report.bad, report.rows) == (10, 4)
    assert report.bad_lines[2].text == "2026-09-01 07:58,warm,51"
    assert "warm" in report.bad_lines[2].reason


PLAIN = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Z")))


@given(
    st.one_of(
        PLAIN,
        st.from_regex(r"[0-9]{1,4}[-/. ]{1,2}[0-9A-Za-z]{1,9}[ ,]{0,2}[0-9:]{0,9}"),
        st.from_regex(r"[0-3][0-9]/0[0-9]/2025 [0-9]:[0-5][0-9] ?[apAP]\.? ?[mM]?\.?"),
    )
)
def test_a_date_of_plain_letters_is_what_it_is_among_others(text):
    """The shorter way that most lines take; a mark of no letter makes it the longer."""

    text = text.encode("ascii", "ignore").decode()

    def moment(date):
        try:
            return parse_moment(date, "day")
        except ValueError as error:
            return str(error)

    assert dates._plain(text) == dates._plain(f"\u200e{text}")
    assert moment(text) == moment(f"\u200e{text}")


def test_a_file_of_bad_lines_alone_costs_little_of_each(tmp_path, monkeypatch):
    """Millions of them were looked at for minutes: is it a header, is it Korean?"""
    lines = [f"nonsense,{number},x" for number in range(5000)]
    looked_at = []

    def look(function):
        really = getattr(*function)

        def counted(*arguments):
            looked_at.append(function[1])
            return really(*arguments)

        monkeypatch.setattr(*function, counted)

    for function in ((export, "columns_of"), (dates.unicodedata, "normalize")):
        look(function)
    samples, report = read(tmp_path, "\n".join([SHORT, *lines]))
    assert (samples, report.bad, len(report.bad_lines)) == ([], 5000, 1000)
    assert looked_at.count("columns_of") == 1
    assert looked_at.count("normalize") < 10


def test_python_s_way_of_writing_a_number_is_a_bad_line(tmp_path):
    samples, report = read(tmp_path, f"{SHORT}\n2026-09-01 07:56,2_1,51\n")
    assert samples == []
    (bad,) = report.bad_lines
    assert "'2_1' is no number" in bad.reason


def test_a_header_in_the_middle_begins_another_export(tmp_path):
    other = "Date,Temperature_Fahrenheit(℉),Relative_Humidity(%)"
    text = f"{SHORT}\n2026-09-01 07:56,50,51\n{other}\n2026-09-01 07:57,50,51\n"
    samples, report = read(tmp_path, text)
    assert [sample.temperature for sample in samples] == [50, 10]
    assert report.bad == 0


def test_two_readings_of_a_minute_are_both_kept_and_the_same_line_once(tmp_path):
    text = f"{SHORT}\n" + "".join(
        f"2026-09-01 07:56,{temperature},51\n" for temperature in (20, 21, 20, 21, 22)
    )
    samples, report = read(tmp_path, text)
    assert [(sample.timestamp - MOMENT).microseconds for sample in samples] == [0, 1, 2]
    assert [sample.temperature for sample in samples] == [20, 21, 22]
    assert report.repeated == 2


@pytest.mark.parametrize(
    ("between", "newest_first"),
    slow_after(
        4,
        [
            *((60_000, True), (400, False), (3, True), (1, False)),
            *((60_000, False), (5000, True), (5000, False), (3, False)),
        ],
    ),
)
def test_two_readings_of_a_minute_need_not_be_neighbours(
    tmp_path, between, newest_first
):
    lines = [(number, 20) for number in range(between)]
    if newest_first:
        lines.reverse()
    middle = lines[len(lines) // 2][0]
    lines += [(middle, 21), (middle, 20), (lines[0][0], 22), (lines[-1][0], 23)]
    lines += [(middle, -1), (middle, -2)]  # as numbers they have one hash
    text = "".join(
        f"{MOMENT + timedelta(minutes=number):%Y-%m-%d %H:%M},{temperature},51\n"
        for number, temperature in lines
    )
    samples, report = read(tmp_path, f"{SHORT}\n{text}", timezone="UTC")
    assert len({sample.timestamp for sample in samples}) == len(samples)
    found = sorted(sample.temperature for sample in samples)
    assert found == [-2, -1, *[20] * between, 21, 22, 23]
    assert report.repeated == 1
    again, _ = read(tmp_path, f"{SHORT}\n{text}", timezone="UTC")
    assert again == samples


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(20, 23)), max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_reading_of_any_minute_is_lost_in_whatever_order(tmp_path, lines):
    text = "".join(
        f"{MOMENT + timedelta(minutes=minute):%Y-%m-%d %H:%M},{temperature},51\n"
        for minute, temperature in lines
    )
    samples, report = read(tmp_path, f"{SHORT}\n{text}", timezone="UTC")
    kept = {
        (sample.timestamp.replace(microsecond=0), sample.temperature)
        for sample in samples
    }
    assert kept == {
        (MOMENT + timedelta(minutes=minute), temperature)
        for minute, temperature in lines
    }
    assert len({sample.timestamp for sample in samples}) == len(samples) == len(kept)
    assert report.repeated == len(lines) - len(kept)


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M"])
@pytest.mark.parametrize("day", [1, 20])
def test_whether_the_day_is_first_is_found_out(tmp_path, form, day):
    start = datetime(2025, 3, day, 12, tzinfo=UTC)
    moments = [start + timedelta(hours=number) for number in range(72)]
    text = "".join(f"{moment.strftime(form)},20,50\n" for moment in moments)
    samples, report = read(tmp_path, f"{SHORT}\n{text}", timezone="UTC")
    assert [sample.timestamp for sample in samples] == moments
    assert report.bad == 0


def test_where_nothing_tells_the_order_is_asked_for(tmp_path):
    text = f"{SHORT}\n03/08/2025 22:20,20,50\n"
    with pytest.raises(StoreDataError, match="day or the month"):
        read(tmp_path, text)
    (sample,), _ = read(tmp_path, text, date_order="month", timezone="UTC")
    assert sample.timestamp == datetime(2025, 3, 8, 22, 20, tzinfo=UTC)
    assert order_of(["03/08/2025 22:20", "no date"]) is None


def test_lines_that_contradict_one_another_are_named(tmp_path):
    text = f"{SHORT}\n13/01/2025 10:00,20,50\n01/14/2025 10:00,21,50\n"
    with pytest.raises(StoreDataError, match=r"day.*'13/01.*month in '01/14") as raised:
        read(tmp_path, text)
    assert "--date-order" in str(raised.value)
    (sample,), report = read(tmp_path, text, date_order="day")
    assert (sample.temperature, report.bad) == (20, 1)


def test_every_line_helps_to_find_the_order(tmp_path):
    """Also the first, and those below another header or after another form."""
    lines = ["28/02/2026 23:59,20,50", "01/03/2026 00:00,20,50"]
    other = "Timestamp,Light_Value,Temperature_Celsius"
    for text in (
        "\n".join(lines),
        "\n".join(reversed(lines)),
        f"2026-02-28 22:00,20,50\n{lines[1]}\n\n{lines[0]}",
        f"{lines[1]}\n{other}\n28/02/2026 23:59,1,20",
        "01/03/2026 00:00 a. m.,20,50\n28/02/2026 11:59 p. m.,20,50",
    ):
        samples, report = read(tmp_path, f"{SHORT}\n{text}\n", timezone="UTC")
        stamps = {sample.timestamp for sample in samples}
        assert stamps >= {datetime(2026, 2, 28, 23, 59, tzinfo=UTC)}
        assert max(stamps) <= datetime(2026, 3, 1, tzinfo=UTC)
        assert report.bad == text.count("00:00 a")  # no such hour


@given(
    cells=st.lists(st.sampled_from(["21", "5", "45", "9,1", '"21,5"', ""]), max_size=9)
)
def test_a_line_is_never_read_with_more_cells_than_its_header(tmp_path_factory, cells):
    line = ",".join(["2026-09-01 07:56", *cells])
    found = next(csv.reader([line]))
    samples, report = read(
        tmp_path_factory.mktemp("cells"), f"{SHORT}\n2026-09-01 07:50,20,50\n{line}\n"
    )
    if any(found[3:]):
        assert len(samples) == 1
        assert "decimal" in report.bad_lines[0].reason
    elif len(samples) == 2 and samples[1].temperature is not None:
        assert samples[1].temperature == float(found[1].replace(",", "."))


@pytest.mark.parametrize("header", [FULL, SHORT, "Timestamp,Temperature_Celsius"])
@pytest.mark.parametrize("date", ["13/03/2026 10:00", '"Mar 13, 2026 10:00"'])
def test_a_decimal_comma_between_commas_is_refused(tmp_path, header, date):
    count = header.count(",")
    line = ",".join([date, *["21,5"] * count])
    samples, report = read(tmp_path, f"{header}\n{line}\n{line}\n")
    assert not samples
    assert (report.bad, report.bad_lines[0].number) == (2, 2)
    assert "decimal" in report.bad_lines[0].reason


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no export"),
        (b"a,b\n1,2\n", "no export"),
        (b"PK\x03\x04....", "Excel"),
        (b"Timestamp,Temperature,Relative_Humidity\n", "neither Celsius nor Fahr"),
        (b"Temperature_Celsius,Relative_Humidity\n", "needs Date"),
        (b"Date,VPD(kPa)\n", "needs Date"),
        (bytes(range(256)) * 300, "no export"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path, content, why):
    with pytest.raises(StoreDataError, match=why):
        read(tmp_path, content)


def test_a_wrong_timezone_or_zone_is_refused(tmp_path):
    text = f"{SHORT}\n2026-09-01 07:56,23.4,51\n"
    with pytest.raises(StoreConfigError, match="timezone"):
        read(tmp_path, text, timezone="Europe/Nowhere")
    path = tmp_path / "Living_data.csv"
    with pytest.raises(StoreDataError, match="zone"):
        list(AppExport(path, zone="", timezone="UTC").blocks())


def test_a_large_file_comes_in_blocks(tmp_path):
    start = datetime(2025, 1, 1, tzinfo=UTC)
    lines = [
        f"{start + timedelta(minutes=number):%Y-%m-%d %H:%M},20,50"
        for number in range(2 * BLOCK_ROWS + 5)
    ]
    path = tmp_path / "large.csv"
    path.write_text("\n".join([SHORT, *lines]))
    export = AppExport(path, zone="a", timezone="UTC")
    seen = []
    assert [len(block) for block in export.blocks(seen.append)] == [
        *(BLOCK_ROWS, BLOCK_ROWS, 5)
    ]
    assert seen == sorted(seen)
    assert seen[-1] == path.stat().st_size


def test_a_block_says_the_same_as_its_samples(tmp_path):
    path = tmp_path / "any.csv"
    lines = [
        *("2026-09-01 07:56,23.4,51,640", "2026-09-01 07:56,23.4,51,641"),
        *(
            "2026-09-01 07:57:08,,51,",
            "2026-09-01 08:00,-0.5,,",
            "2026-09-01 08:01,3,4,",
        ),
    ]
    path.write_text("\n".join([f"{SHORT},CO2(ppm)", *lines]))
    now = datetime(2026, 9, 1, 7, tzinfo=UTC)
    (block,) = AppExport(path, zone="a\tb", timezone="Europe/Paris").blocks()
    samples = list(block)
    assert len(block) == len(samples) == len(lines)
    assert [block[0], *block[1:]] == samples
    assert b"".join(copy_lines(block)) == b"".join(copy_lines(samples))
    assert late_hours(keys_of(block), now) == late_hours(keys_of(samples), now) != set()


@settings(max_examples=60)
@given(
    text=st.text(max_size=200), encoding=st.sampled_from(["utf-8", "utf-16", "cp437"])
)
def test_no_content_is_more_than_a_bad_line(tmp_path_factory, text, encoding):
    path = tmp_path_factory.mktemp("any") / "any.csv"
    content = f"{SHORT}\n2026-09-01 07:56,23.4,51\n".encode(encoding)
    path.write_bytes(content + text.encode(encoding, errors="replace"))
    export = AppExport(path, zone="a", timezone="America/New_York")
    rows = [sample for block in export.blocks() for sample in block]
    assert rows[0].temperature == 23.4
    assert len(rows) == export.report.rows
