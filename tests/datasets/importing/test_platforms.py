"""Exports of further platforms and languages: the bars that are in them, or advice that works when it is followed."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from ktrdr_engine.errors import DataError
from tests.datasets.importing.files import BAR, HEADER, read_content, stamps_of

PRICES = [187.15, 188.44, 183.89, 185.64]
ROW = "187.15,188.44,183.89,185.64"


@pytest.mark.parametrize(
    "content",
    [
        f"ticker,volume,open,close,high,low,window_start,n\nA,9,{'187.15,185.64,188.44,183.89'},1704187800000000000,1\n",
        f"start_at,symbol,period,open,high,low,close,volume\n1704187800,A,60,{ROW},9\n",
        f"startTime,openPrice,highPrice,lowPrice,closePrice,volume\n1704187800000,{ROW},9\n",
        "time_period_start;time_period_end;time_open;time_close;price_open;price_high;price_low;price_close;volume_traded\n"
        "2024-01-02T09:30:00.0Z;2024-01-02T10:30:00.0Z;2024-01-02T09:30:07.0Z;2024-01-02T10:29:59.0Z;"
        + ROW.replace(",", ";") + ";9\n",
        f"Kline open time,Open price,High price,Low price,Close price,Volume\n1704187800000,{ROW},9\n",
        f"startedAt,ticker,open,high,low,close,baseTokenVolume,trades\n2024-01-02T09:30:00.000Z,B,{ROW},9,1\n",
        f"begin,end,open,high,low,close,volume\n2024-01-02 09:30:00,2024-01-02 10:29:59,{ROW},9\n",
        f"complete,volume,time,mid.o,mid.h,mid.l,mid.c\nTrue,9,2024-01-02T09:30:00.000000000Z,{ROW}\n",
        f',time,open,high,low,close,tick_volume,spread,real_volume\n0,1704187800,{ROW},9,4,0\n',
        f'"","A.Open","A.High","A.Low","A.Close","A.Volume"\n"2024-01-02 09:30:00",{ROW},9\n',
        f'"A.Open","A.High","A.Low","A.Close","A.Volume"\n"2024-01-02 09:30:00",{ROW},9\n',
        "Date," + ",".join(f"\"('{one}', 'A')\"" for one in ("Open", "High", "Low", "Close", "Volume"))
        + f"\n2024-01-02 09:30,{ROW},9\n",
        f"timestamp,1a. open (USD),2a. high (USD),3a. low (USD),4a. close (USD),5. volume\n2024-01-02 09:30,{ROW},9\n",
        "timeOpen;timeClose;name;open;high;low;close;volume;timestamp\n2024-01-02T09:30:00.000Z;2024-01-02T10:29:59.999Z;1;"
        + ROW.replace(",", ";") + ";9;2024-01-02T10:29:59.999Z\n",
        f"{HEADER}2024-01-02 10:29:59.999,{ROW},9\n",
        f"{HEADER}1.704187800000000000e+09,{ROW},9\n",
        f"Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\n2024-01-02 09:30,{ROW},9\n",
        f"일자,시가,고가,저가,종가,거래량\n2024-01-02 09:30,{ROW},9\n",
        f"Date,Volume MA,Open,High,Low,Close,Volume\n2024-01-02 09:30,3,{ROW},9\n",
    ],
)  # fmt: skip
def test_an_export_gives_its_bar(tmp_path: Path, content: str) -> None:
    series = read_content(tmp_path, content).series
    assert stamps_of(series) == ["2024-01-02T09:30"]
    assert series.prices[:, 0].tolist() == [*PRICES, 9]


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("Datum;Eröffnung;Hoch;Tief;Schluss;Volumen", "cp1252"),
        ("Date;Ouverture;Plus haut;Plus bas;Clôture;Volume", "cp1252"),
        ("Дата;Открытие;Максимум;Минимум;Закрытие;Объем", "cp1251"),
        ("Data;Otwarcie;Najwyższy;Najniższy;Zamknięcie;Wolumen", "cp1250"),
        ("Tarih;Açılış;Yüksek;Düşük;Kapanış;Hacim", "cp1254"),
        ("日期;开盘;最高;最低;收盘;成交量", "gb18030"),
        ("日期;開盤;最高;最低;收盤;成交量", "big5"),
        ("日付;始値;高値;安値;終値;出来高", "shift_jis"),
        ("일자;시가;고가;저가;종가;거래량", "cp949"),
    ],
)
def test_an_encoding_is_known_by_the_names_of_columns(tmp_path: Path, header: str, encoding: str) -> None:
    content = f"{header}\n2024-01-02;90,5;91,0;90,0;90,8;1000\n".encode(encoding)
    series = read_content(tmp_path, content, format="no_volume" if "Hacim" in header else None).series
    assert series.prices[:4, 0].tolist() == [90.5, 91, 90, 90.8]


@pytest.mark.parametrize(
    ("volume", "value"),
    [
        ("77,93,246", 7793246.0),
        ("1,07,93,246", 10793246.0),
        ("1’234’567", 1234567.0),
        ("1\u2009234\u2009567", 1234567.0),
    ],
)
def test_thousands_are_read_as_countries_group_them(tmp_path: Path, volume: str, value: float) -> None:
    content = f'{HEADER}2024-01-02,1,2,0.5,1.5,"{volume}"\n'
    assert read_content(tmp_path, content).series.volume.tolist() == [value]


@pytest.mark.parametrize(
    ("stamp", "date_format"), [("1704067200000", "s"), ("1704067200000000", "ms"), ("240102", "excel")]
)
def test_a_count_of_another_unit_than_was_said_is_refused_and_never_wraps_round(
    tmp_path: Path, stamp: str, date_format: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, f"{HEADER}{stamp},{BAR}\n", date_format=date_format)
    assert caught.value.details["field"] == "date_format"
    late = f"{HEADER}0,{BAR}\n" if date_format != "excel" else f"{HEADER}45293,{BAR}\n"
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, f"{late}{late.splitlines()[1]}\n{stamp},{BAR}\n", date_format=date_format)
    assert caught.value.details["rows"] == [3]


def test_days_of_a_spreadsheet_are_whole_seconds(tmp_path: Path) -> None:
    content = f"{HEADER}45293.39583,{BAR}\n45293.4375,{BAR}\n"
    series = read_content(tmp_path, content, date_format="excel").series
    assert stamps_of(series) == ["2024-01-02T09:30", "2024-01-02T10:30"]


def test_an_index_of_rows_is_not_advised_to_be_days_of_a_spreadsheet(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, f"{HEADER}0,{BAR}\n1,{BAR}\n")
    assert "excel" not in caught.value.message


def test_prices_of_several_sides_are_asked_and_the_answer_loads(tmp_path: Path) -> None:
    header = "time,bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close,volume\n"
    content = f"{header}2024-01-02,1.1,1.2,1.0,1.15,2.1,2.2,2.0,2.15,5\n"
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, content)
    formats = caught.value.details["readings"]
    assert sorted(formats) == ["ask", "bid"]
    assert [read_content(tmp_path, content, format=formats[one]).series.close[0] for one in ("bid", "ask")] == [
        1.15,
        2.15,
    ]


def test_columns_in_another_order_are_refused_with_the_format_that_loads_them(tmp_path: Path) -> None:
    content = "1704067200000,42314.0,42503.5,42603.2,42289.6,7146\n"
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, content)
    series = read_content(tmp_path, content, format=caught.value.details["mended"]["format"]).series
    assert series.prices[:, 0].tolist() == [42314.0, 42603.2, 42289.6, 42503.5, 7146]


@pytest.mark.parametrize("row", ["1704067200,5,1.5,2,0.5,1", "1704067200,12,42503,42603,42289,42314"])
def test_no_order_is_proposed_where_a_volume_may_stand_among_the_prices(tmp_path: Path, row: str) -> None:
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, f"{row}\n")
    assert "mended" not in caught.value.details
    series = read_content(tmp_path, f"{row}\n", format="timestamp,volume,close,high,low,open").series
    assert series.volume[0] == float(row.split(",")[1])


def test_a_column_that_only_looks_like_times_is_offered_in_a_format_that_loads(tmp_path: Path) -> None:
    content = "instant,open,high,low,close,volume\n2024-01-02 09:30,1,2,0.5,1.5,10\n"
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, content)
    series = read_content(tmp_path, content, format=caught.value.details["mended"]["format"]).series
    assert stamps_of(series) == ["2024-01-02T09:30"]


def test_points_that_may_group_thousands_are_asked_where_semicolons_separate(tmp_path: Path) -> None:
    content = "Datum;Open;High;Low;Close;Volume\n02.01.2024;1.234;1.240;1.230;1.235;1.000\n"
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, content)
    assert caught.value.details["readings"] == {"decimal_point": 1.234, "decimal_comma": 1234}
    assert read_content(tmp_path, content, format="decimal_comma").series.prices[:, 0].tolist() == [
        1234, 1240, 1230, 1235, 1000,
    ]  # fmt: skip
    yen = "time;open;high;low;close;volume\n2024-01-02;151.234;151.240;151.230;151.235;1203\n"
    assert read_content(tmp_path, yen).series.close[0] == 151.235


def test_times_of_october_that_were_sorted_keep_both_turns_of_the_hour(tmp_path: Path) -> None:
    clock = ["01:45", "02:00", "02:00", "02:15", "02:15", "02:30", "02:30", "02:45", "02:45", "03:00"]
    rows = [f"2023-10-29 {time},1,2,0.5,{1 + place / 100},10\n" for place, time in enumerate(clock)]
    series = read_content(tmp_path, HEADER + "".join(rows), timezone="Europe/Berlin").series
    assert (np.diff(series.timestamp) == 15 * 60 * 10**9).all()
    assert series.close.tolist() == [1.0, 1.01, 1.03, 1.05, 1.07, 1.02, 1.04, 1.06, 1.08, 1.09]


def test_an_hour_of_october_is_told_from_a_row_that_is_wrong(tmp_path: Path) -> None:
    clock = ["2023-10-29 02:00", "2023-10-29 02:30", "2023-10-29 02:00", "2023-10-29 02:30", "2023-10-30 02:00",
             "2023-10-30 02:00"]  # fmt: skip
    content = HEADER + "".join(f"{time},1,2,0.5,{1 + place / 100},10\n" for place, time in enumerate(clock))
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, content)
    assert (caught.value.details["rows"], caught.value.details["field"]) == ([3, 4, 6], "timezone")
    assert "timezone='Europe/Berlin'" in caught.value.message
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, content, timezone="Europe/Berlin")
    assert caught.value.details["rows"] == [6]


def test_two_instruments_are_not_taken_for_an_hour_of_october(tmp_path: Path) -> None:
    clock = [f"2023-10-{day} {hour:02}:00" for day in (28, 29) for hour in range(24) for _ in (1, 2)]
    content = HEADER + "".join(f"{time},1,2,0.5,{1 + place % 2},10\n" for place, time in enumerate(clock))
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, content)
    assert "field" not in caught.value.details


def test_an_hour_that_spring_skips_is_refused_with_the_offset_of_winter(tmp_path: Path) -> None:
    content = HEADER + "".join(f"2024-03-10 {hour:02}:00,{BAR}\n" for hour in range(6))
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, content, timezone="America/New_York")
    assert "timezone='-05:00'" in caught.value.message
    series = read_content(tmp_path, content, timezone="-05:00").series
    assert stamps_of(series)[0] == "2024-03-10T05:00"


def test_the_name_of_a_zone_behind_a_time_is_advised_as_timezone(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, f"{HEADER}20240102 09:30:00 US/Eastern,{BAR}\n")
    assert "timezone='US/Eastern'" in caught.value.message


def test_a_dividend_in_a_row_of_its_own_is_left_out(tmp_path: Path) -> None:
    content = f'{HEADER}"Feb 9, 2024",{BAR}\n"Feb 9, 2024",0.24 Dividend,,,,\n"Feb 8, 2024",{BAR}\n'
    assert len(read_content(tmp_path, content).series) == 2


def test_a_zip_with_a_report_beside_its_table_is_read(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("DAT_ASCII_EURUSD_M1_2024.txt", "a report")
        archive.writestr("DAT_ASCII_EURUSD_M1_2024.csv", HEADER + f"2024-01-02,{BAR}\n")
    assert len(read_content(tmp_path, packed.getvalue(), "x.zip").series) == 1


def test_a_zero_byte_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, f"{HEADER}2024-01-02,{BAR}\n".encode() + b"\0" * 8)
    assert caught.value.details["line"] == 3


def parquet(**columns: object) -> bytes:
    target = io.BytesIO()
    rows = len(next(iter(columns.values())))  # type: ignore[arg-type]  # all of them are sequences
    prices = {"open": [1.0] * rows, "high": [2.0] * rows, "low": [0.5] * rows, "volume": [10] * rows}
    pyarrow.parquet.write_table(pa.table({"close": [1.5] * rows, **prices, **columns}), target)
    return target.getvalue()


def test_several_instruments_in_a_parquet_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, parquet(time=["2024-01-02", "2024-01-03"], symbol=["A", "B"]), "x.parquet")
    assert caught.value.details["instruments"] == ["A", "B"]


def test_decimals_of_a_parquet_file_are_the_nearest_floats(tmp_path: Path) -> None:
    exact = pa.array(["1.2000000000"]).cast(pa.decimal128(38, 10))
    assert read_content(tmp_path, parquet(time=["2024-01-02"], close=exact), "x.parquet").series.close[0] == 1.2


def test_a_date_and_a_time_of_a_parquet_file_are_joined(tmp_path: Path) -> None:
    day = pa.array([1704153600000000], pa.timestamp("us"))
    content = parquet(date=day, time=["09:30"])
    assert stamps_of(read_content(tmp_path, content, "x.parquet").series) == ["2024-01-02T09:30"]
