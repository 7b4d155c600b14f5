"""The tables of a report."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from numpy.typing import NDArray

from ktrdr_engine.charts.run import Trades
from ktrdr_engine.reports.curves import RollingSharpe, rolling
from ktrdr_engine.reports.months import by_month, returns_map
from ktrdr_engine.reports.numbers import all_numbers, headlines
from ktrdr_engine.reports.trades import trade_table
from ktrdr_engine.reports.wording import figure, reason
from tests.charts.material import run, trades
from tests.reports.material import RESULTS


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("total_return", -0.0234, "−2.34 %"),
        ("final_value", 102_340.5, "102,340.50"),
        ("total_trades", 1_234, "1,234"),
        ("sharpe_ratio", -1.25, "−1.250"),
        ("max_drawdown_duration_days", 12.34, "12.3 days"),
        ("sharpe_ratio", None, "undefined"),
        ("model_beats_majority", True, "True"),
        ("first_bar", "2017-01-02", "2017-01-02"),
        ("accuracy_of_something", 0.5, "0.5"),
    ],
)
def test_a_number_is_written_in_its_unit(name: str, value: object, text: str) -> None:
    assert figure(name, value) == text


def test_an_undefined_number_has_the_reason_of_its_note_or_else_of_its_definition() -> None:
    notes = ("sharpe_ratio, calmar_ratio undefined: no drawdown.", "a note undefined: of nothing")
    assert reason("calmar_ratio", notes) == "no drawdown."
    assert reason("win_rate", notes) == "no trade was closed"
    assert reason("who_knows", notes) == ""


def test_the_headlines_are_those_there_are() -> None:
    assert [one.label for one in headlines(RESULTS)] == [
        "Total return", "Sharpe ratio", "Maximum drawdown", "Total trades", "Win rate",
    ]  # fmt: skip
    assert headlines({"rows": 5}) == []


def test_all_numbers_leave_out_what_is_nested() -> None:
    names = [one.label for one in all_numbers({**RESULTS, "strange": None})]
    assert "Provenance" not in names
    assert "Notes" not in names
    assert next(one for one in all_numbers({"strange": None})).meaning == "Undefined: no reason is recorded"


def test_the_first_page_of_trades_says_what_the_data_say() -> None:
    table = trade_table(trades(60, 100), 60)
    assert (table.total, len(table.data), len(table.first)) == (60, 60, 50)
    assert table.reasons == ["signal", "stop_loss"]
    assert table.first[0][-1] == "signal"
    assert table.first[1][-1] == "stop loss"
    assert [row[0] for row in table.data] == list(range(1, 61))


def test_trades_that_a_bounded_history_dropped_are_counted() -> None:
    table = trade_table(trades(60, 100), 118_268)
    assert table.total == 118_268
    assert [table.data[0][0], table.data[-1][0]] == [118_209, 118_268]


def test_what_was_not_recorded_of_a_trade_is_empty() -> None:
    made = trades(1, 10)
    bare = Trades(*(getattr(made, name) for name in list(Trades.__dataclass_fields__)[:9]))
    bare.pnl[0] = np.nan
    row = trade_table(bare, 1).first[0]
    assert row[7:12] == ["", row[8], "", "", ""]


@pytest.mark.parametrize(
    ("price", "quantity", "written"),
    [(1.12345, 95_183.88, (5, 2)), (1_500.5, 0.252525, (2, 6)), (7.5941e-8, 1.5e9, (12, 2))],
)
def test_a_column_is_as_precise_as_its_smallest_number_needs(
    price: float, quantity: float, written: tuple[int, int]
) -> None:
    made = replace(trades(3, 10), entry_price=np.full(3, price), exit_price=np.full(3, price))
    table = trade_table(replace(made, quantity=np.full(3, quantity)), 3)
    assert (table.price_decimals, table.quantity_decimals) == written
    assert [len(text.partition(".")[2]) for text in table.first[0][4:7]] == [written[0], *written]
    assert float(table.first[0][4].replace(",", "")) == price


def test_what_a_tiny_account_gained_is_not_written_as_nothing() -> None:
    made = trades(3, 10)
    tiny = replace(made, pnl=np.array([0.00123456, -0.0000004, 0.0]), gain=np.array([1e-5, -1e-9, 0.0]))
    table = trade_table(tiny, 3)
    assert [row[7] for row in table.first] == ["0.001235", "−0.0000004", "0.000000"]
    assert [row[8] for row in table.first] == ["0.001 %", "−0.0000001 %", "0.00 %"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_number_in_the_strongest_cell_of_the_map_can_be_read(theme: str) -> None:
    style = files("ktrdr_engine.reports").joinpath("templates", "report.css").read_text("utf-8")
    part = style[style.index(":root {" if theme == "light" else ':root[data-theme="dark"]') :]
    colour = {name: _rgb(value) for name, value in re.findall(r"--(\w+): (#\w{6});", part[: part.index("}")])}
    strongest = max(cell.strength for row in returns_map(run(9_000)) for cell in (*row.months, row.total)) / 100
    for side in ("gain", "loss"):
        cell = strongest * colour[side] + (1 - strongest) * colour["ground"]
        low, high = sorted((_luminance(cell), _luminance(colour["ink"])))
        assert (high + 0.05) / (low + 0.05) >= 4.5, side


def _rgb(text: str) -> NDArray[np.float64]:
    return np.array([int(text[place : place + 2], 16) / 255 for place in (1, 3, 5)])


def _luminance(rgb: NDArray[np.float64]) -> float:
    """Return WCAG 2.2's relative luminance."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def test_the_map_colours_by_sign_and_size() -> None:
    years = returns_map(run(24 * 400, 0))
    assert [year.year for year in years] == [2017, 2018]
    cells = [cell for year in years for cell in year.months if cell.text]
    assert max(cell.strength for cell in cells) == 50
    assert all(cell.side == ("loss" if cell.text.startswith("−") else "gain") for cell in cells)
    assert years[1].months[11].text == ""


def test_a_month_without_change_has_no_colour() -> None:
    flat = run(10, 0)
    flat.equity[:] = 100_000
    assert returns_map(flat)[0].months[0].side == ""


def test_month_by_month_the_table_holds_what_the_curves_show() -> None:
    made = run(24 * 200, 0)
    found = rolling(made)
    assert isinstance(found, RollingSharpe)
    rows = by_month(made, found)
    assert [row.month for row in rows] == [f"2017-{month:02}" for month in range(1, 8)]
    assert rows[-1].equity == f"{made.equity[-1]:,.2f}"
    assert made.prices is not None
    assert rows[-1].held == f"{100_000 * made.prices.growth[-1]:,.2f}"
    assert rows[0].sharpe == ""
    assert rows[-1].sharpe == f"{found.ratios[-1]:.2f}".replace("-", "−")


def test_without_prices_and_ratios_those_columns_are_empty() -> None:
    row = by_month(run(100, 0, with_prices=False), None)[0]
    assert (row.held, row.sharpe) == ("", "")
