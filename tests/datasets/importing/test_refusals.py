"""What a file is refused for: all at once, rows counted from 1 below the header, with advice that fits."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from ktrdr_engine.errors import DataError
from tests.datasets.importing.files import BAR, HEADER, read_content, stamps_of


def refused(folder: Path, content: str | bytes, *, format: str | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        read_content(folder, content, format=format)
    assert caught.value.message.startswith("x.csv")
    return caught.value


def test_all_problems_are_told_at_once_the_first_twenty_by_row(tmp_path: Path) -> None:
    lines = [
        f"2020-01-01 {hour:02d}:00,{'x' if hour % 2 else 1},2,{3 if hour % 4 == 0 else 0.5},1.5,10"
        for hour in range(24)
    ]
    error = refused(tmp_path, HEADER + "\n".join([*lines, *["2020-01-02,1"] * 30]) + "\n")
    wrong = [row for row in range(1, 55) if row > 24 or row % 2 == 0 or row % 4 == 1]
    assert error.details["rows"] == wrong[:20]
    assert error.details["bad_rows"] == len(wrong)
    assert f"{len(wrong) - 20} more" in error.message


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("2020-01-02,1,2,0.5,1.5", "5 cells where 6 are expected"),
        ("2020-01-02,1,2,0.5,1.5,10,11", "7 cells where 6 are expected"),
        ("2020-01-02,1,2,0.5,abc,10", "close: 'abc'"),
        ("2020-01-02,1,2,0.5,,10", "close: the value is missing"),
        ("2020-01-02,1,2,0.5,1.5,", "volume: the value is missing"),
        (",1,2,0.5,1.5,10", "the time is missing"),
        ("2020-02-30,1,2,0.5,1.5,10", "'2020-02-30'"),
        ("2020-01-02,1,0.9,0.5,1.5,10", "high 0.9 is below open 1"),
        ("2020-01-02,1,2,-0.5,1.5,10", "low is -0.5"),
        ("2020-01-02,1,inf,0.5,1.5,10", "high"),
        ("2020-01-01,1,2,0.5,1.6,10", "the same time as row 1"),
    ],
)
def test_rows_are_counted_from_1_below_the_header_whatever_is_wrong(tmp_path: Path, row: str, named: str) -> None:
    error = refused(tmp_path, f"{HEADER}\n2020-01-01,{BAR}\n\n{row}\n2020-01-03,{BAR}\n")
    assert error.details["row"] == 2
    assert named in error.message


def test_without_a_header_rows_are_counted_from_1(tmp_path: Path) -> None:
    assert refused(tmp_path, f"2020-01-01,{BAR}\n2020-01-02,1,2,x,1.5,10\n").details["row"] == 2


def test_a_first_row_that_is_broken_is_not_taken_for_a_header(tmp_path: Path) -> None:
    assert refused(tmp_path, f"{HEADER}foo,{BAR}\n2020-01-02,{BAR}\n").details["row"] == 1


def test_rows_of_a_large_file_keep_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ktrdr_engine.datasets.importing.text_rows._BLOCK", 4096)
    lines = [f"{1_500_000_000 + 3600 * hour},{BAR}" for hour in range(2_000)]
    lines[700] = "1,2"
    lines[1800] = lines[1800].replace("0.5", "?")
    assert refused(tmp_path, HEADER + "\n".join(lines)).details["rows"] == [701, 1801]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", "empty"), ("\n\n  \n", "empty"), (b"\xef\xbb\xbf", "empty"), (HEADER, "no bars"),
        ('[{"open": 1}]', "no table of prices"), ("<html>\n<body>404</body>\n", "no table of prices"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1", "no text"), (bytes(range(128, 256)) * 20, "no table"),
        (HEADER + "2020-01-01,null,null,null,null,null\n", "no row has prices"),
        ("a,b,c,d,e,f\n2020-01-01,1,2,0.5,1.5,10\n", "format="),
        ("close_time,open,high,low,close,volume\n2020-01-01,1,2,0.5,1.5,10\n", "when a bar ends"),
        ("date,open,high,low,close,open,volume\n2020-01-01,1,2,.5,1.5,1,10\n", "more than once"),
        ("2020-01-01,1.5,1,2,0.5,10\n", "format="),
        ("Date,Open,High,Low,Close,Volume\n02.01.2017,1,05,1,06,1,04,1,05,100\n", "semicolons"),
        ("time,open,high,low,close\n2020-01-01,1,2,0.5,1.5\n", "format='no_volume'"),
        ("symbol," + HEADER + f"A,2020-01-01,{BAR}\nB,2020-01-01,{BAR}\n", "instruments"),
        ("Price,Close,Close,High,High\nTicker,AAPL,MSFT,AAPL,MSFT\n", "no table"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_one_instrument_s_prices_is_refused(
    tmp_path: Path, content: str | bytes, named: str
) -> None:
    assert named in refused(tmp_path, content).message


def test_a_comma_that_may_mean_two_things_is_asked_about(tmp_path: Path) -> None:
    content = 'Date,Open,High,Low,Close,Volume\n2020-01-01,"1,234","1,235","1,233","1,234",100\n'
    error = refused(tmp_path, content)
    assert error.details["readings"] == {"decimal_point": 1234, "decimal_comma": 1.234}
    for format, value in error.details["readings"].items():
        assert read_content(tmp_path, content, format=format).series.open[0] == value
    settled = content + '2020-01-02,"1,234.5","1,235","1,233","1,234",100\n'
    assert list(read_content(tmp_path, settled).series.open) == [1234, 1234.5]


def test_a_volume_that_is_missing_is_0_only_if_that_is_said(tmp_path: Path) -> None:
    found = read_content(tmp_path, "time,open,high,low,close\n2020-01-01,1,2,0.5,1.5\n", format="no_volume")
    assert list(found.series.volume) == [0]
    assert any("volume" in note for note in found.notes)


def test_rows_that_repeat_others_are_left_out_and_counted(tmp_path: Path) -> None:
    found = read_content(tmp_path, HEADER + f"2020-01-01,{BAR}\n2020-01-02,{BAR}\n" * 2)
    assert stamps_of(found.series) == ["2020-01-01T00:00", "2020-01-02T00:00"]
    assert any("2 rows repeat others" in note for note in found.notes)


def test_a_header_that_stands_again_is_left_out_and_counted(tmp_path: Path) -> None:
    found = read_content(tmp_path, HEADER + f"2020-01-01,{BAR}\n" + HEADER + f"2020-01-02,{BAR}\n")
    assert len(found.series) == 2
    assert any("Row 2 repeats the header" in note for note in found.notes)


def test_rows_out_of_order_are_sorted_and_the_first_is_named(tmp_path: Path) -> None:
    found = read_content(tmp_path, HEADER + "".join(f"2020-01-0{day},{BAR}\n" for day in (1, 3, 2, 4)))
    assert [stamp[8:10] for stamp in stamps_of(found.series)] == ["01", "02", "03", "04"]
    assert any("Row 3 was out of order" in note for note in found.notes)


def test_columns_may_be_named_by_the_request(tmp_path: Path) -> None:
    content = "2020-01-01,1.5,1,2,0.5,x,10\n"
    series = read_content(tmp_path, content, format="timestamp,close,open,high,low,-,volume").series
    assert series.prices[:, 0].tolist() == [1, 2, 0.5, 1.5, 10]
    assert refused(tmp_path, content, format="timestamp,open,high,low,close").details["field"] == "format"


def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    text = f"{HEADER}2020-01-01T00:00:00Z,{BAR}\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("folder/prices.csv", text)
    assert len(read_content(tmp_path, packed.getvalue(), "x.zip").series) == 1
    assert len(read_content(tmp_path, gzip.compress(text.encode()), "x.csv.gz").series) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.zip", b"PK\3\4 no archive"), ("x.csv.gz", b"no archive"),
        # Without the time, which would name the test otherwise in each process.
        ("x.csv.gz", gzip.compress(b"1,2\n" * 5000, mtime=0)[:60]),
        ("x.parquet", b"PAR1 no table"), ("x.parquet", b""),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(DataError, match="cannot be read") as caught:
        read_content(tmp_path, content, name)
    assert caught.value.details["field"] == "path"


def test_an_archive_of_several_files_is_refused_with_their_names(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", HEADER)
        archive.writestr("b.csv", HEADER)
    with pytest.raises(DataError, match=r"a\.csv, b\.csv"):
        read_content(tmp_path, packed.getvalue(), "x.zip")


def test_whole_numbers_may_be_followed_by_either_mark(tmp_path: Path) -> None:
    whole = "time;open;high;low;close;volume\n" + "".join(
        f"{1_500_000_000 + 3600 * n};1;2;1;2;10\n" for n in range(600)
    )
    for more in ("1,5", "1.5"):
        assert read_content(tmp_path, f"{whole}1600000000;1;2;1;{more};10\n").series.close[-1] == 1.5


@pytest.mark.parametrize(
    "header",
    [
        "Date,Timestamp,Open,High,Low,Close,Volume", "date,time,bidopen,x,y,z,v",
        "日期,时间,开盘,最高,最低,收盘,成交量",
        "Дата,Время,Откр.,Макс.,Мин.,Цена,Объём", "Datum,Uhrzeit,Erster,Hoch,Tief,Schlusskurs,Stücke",
    ],
)  # fmt: skip
def test_columns_are_known_by_many_names(tmp_path: Path, header: str) -> None:
    format = "date,time,open,high,low,close,volume" if "bid" in header else None
    series = read_content(tmp_path, f"{header}\n20170113,21:05:00,1,2,0.5,1.5,10\n", format=format).series
    assert stamps_of(series) == ["2017-01-13T21:05"]
    assert series.prices[:, 0].tolist() == [1, 2, 0.5, 1.5, 10]


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("Datum,Eröffnung,Hoch,Tief,Schlusskurs,Stück", "cp1252"),
        ("Дата,Откр.,Макс.,Мин.,Цена,Объём", "cp1251"),
        ("日期,开盘,最高,最低,收盘,成交量", "gb18030"),
        ("日付,始値,高値,安値,終値,出来高", "shift_jis"),
    ],
)
def test_names_of_columns_tell_the_encoding_of_a_short_file(tmp_path: Path, header: str, encoding: str) -> None:
    series = read_content(tmp_path, f"{header}\n2017-01-13,1,2,0.5,1.5,10\n".encode(encoding)).series
    assert series.prices[:, 0].tolist() == [1, 2, 0.5, 1.5, 10]


def test_a_small_packed_file_of_endless_rows_that_are_none_is_refused_early(tmp_path: Path) -> None:
    content = gzip.compress(f"{HEADER}2020-01-01,{BAR}\n".encode() + b"#\n" * 400_000)
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, content, "x.csv.gz")
    assert "200,000 rows" in caught.value.message


def test_a_table_of_thousands_of_other_columns_is_refused_in_a_few_words(tmp_path: Path) -> None:
    names = ",".join(f"a{number}" for number in range(3_000))
    error = refused(tmp_path, f"{names}\n{','.join(['1'] * 3_000)}\n")
    assert "and 2960 more" in error.message
    assert len(error.message) < 1_000


@pytest.mark.parametrize(("flags", "method"), [(1, 0), (0, 9)], ids=["password", "method"])
def test_a_zip_that_cannot_be_unpacked_here_is_refused(tmp_path: Path, flags: int, method: int) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("bars.csv", f"{HEADER}2020-01-01,{BAR}\n")
    content = bytearray(packed.getvalue())
    # Both headers, of the file and of the directory, say how it is packed.
    for place in (6, content.index(b"PK\1\2") + 8):
        content[place], content[place + 2] = flags, method
    with pytest.raises(DataError) as caught:
        read_content(tmp_path, bytes(content), "x.zip")
    assert caught.value.details["field"] == "path"


def test_a_table_of_hundreds_of_instruments_is_refused_with_a_few_of_them(tmp_path: Path) -> None:
    names = ",".join(f"{role} ABC{number}" for number in range(500) for role in ("Open", "High", "Low", "Close"))
    error = refused(tmp_path, f"Date,{names}\n2020-01-01{',1' * 2_000}\n")
    assert "abc4" in error.message
    assert "abc5" not in error.message
    assert len(error.message) < 1_500
