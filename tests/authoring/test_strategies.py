from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ktrdr_engine.authoring.checking import check_strategy
from ktrdr_engine.authoring.shelves import Shelves
from ktrdr_engine.authoring.strategies import get_strategy, save_strategy, strategy_page, strategy_row
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import InvalidRequest, StrategyError
from ktrdr_engine.strategy.summary import plain_words

MINE = """\
name: mine
description: |
  Buys what is cheap.
  Sells what is dear.
training_data: {symbols: {mode: single, symbol: MSFT}, timeframes: {mode: single, timeframe: 1d}}
indicators: {rsi_14: {type: rsi}}
nn_inputs: [{raw_indicator: rsi_14}]
model: {type: mlp}
"""


def test_a_shipped_strategy_is_listed_with_its_newest_model(shelves: Shelves) -> None:
    row = strategy_row(shelves, "rsi_mean_reversion.yaml")
    assert (row.name, row.version, row.timeframes, row.model_type) == ("rsi_mean_reversion.yaml", "1.0.0", "1h", "mlp")
    assert (row.source, row.newest_model, row.problem) == ("shipped", "rsi_mlp_v1.0.0.pt", None)
    assert row.description.startswith("Buy oversold")


def test_a_users_strategy_has_no_model_until_one_is_trained(shelves: Shelves) -> None:
    save_strategy(shelves, "mine", MINE)
    row = strategy_row(shelves, "mine.yaml")
    assert (row.source, row.newest_model) == ("user", None)
    assert row.description == "Buys what is cheap. Sells what is dear."


def test_a_broken_file_is_listed_with_its_problem(shelves: Shelves, home: Path) -> None:
    (home / "strategies" / "broken.yaml").write_text("name: broken\nindicator: {}\n")
    row = strategy_row(shelves, "broken.yaml")
    assert row.problem is not None
    assert "mistakes" in row.problem
    assert "\n" not in row.problem
    assert len(row.problem) <= 160


def test_pages_cover_every_strategy_once(shelves: Shelves) -> None:
    save_strategy(shelves, "mine", MINE)
    names = shelves.strategies.names()
    pages = [strategy_page(shelves, 2, offset) for offset in range(0, len(names) + 2, 2)]
    assert [row.name for page in pages for row in page.strategies] == names
    assert {page.total for page in pages} == {len(names)}
    assert pages[-1].returned == 0


def test_a_strategy_is_read_as_written_and_in_plain_words(shelves: Shelves) -> None:
    found = get_strategy(shelves, "rsi_mean_reversion")
    file = shipped_root() / "strategies" / "rsi_mean_reversion.yaml"
    assert found.yaml == file.read_text()
    assert found.features == 9
    assert found.source == "shipped"
    assert found.summary == plain_words(shelves.strategies.load("rsi_mean_reversion").config)


def test_an_earlier_text_can_be_read(shelves: Shelves) -> None:
    first = save_strategy(shelves, "mine", MINE)
    second = save_strategy(shelves, "mine", MINE + "version: '2.0.0'\n", first.sha256)
    assert second.previous_sha256 == first.sha256
    assert get_strategy(shelves, "mine").versions == (first.sha256,)
    assert get_strategy(shelves, "mine", first.sha256[:10]).yaml == MINE


def test_a_text_is_checked_without_being_saved(shelves: Shelves) -> None:
    check = check_strategy(shelves, text=MINE)
    assert check.valid
    assert (check.n_features, check.features, check.warmup_bars) == (1, ("1d_rsi_14_raw",), 14)
    assert check.models == ()
    assert check.datasets == ("MSFT 1d",)
    assert "mine.yaml" not in shelves.strategies.names()


RULES = """\
name: ruled
training_data:
  symbols: {mode: single, symbol: MSFT}
  timeframes: {mode: multi_timeframe, list: [1d, 1w], base_timeframe: 1d}
indicators: {rsi_14: {type: rsi}}
fuzzy_sets: {zone: {indicator: rsi_14, low: [0, 0, 40], high: [60, 100, 100]}}
model: {type: fuzzy_rules, rules: [{if: zone is low, then: BUY}, {if: zone is high, then: SELL}]}
"""


def test_rules_need_no_model(shelves: Shelves) -> None:
    check = check_strategy(shelves, text=RULES)
    assert (check.valid, check.trained, check.models) == (True, False, ())
    save_strategy(shelves, "ruled", RULES)
    row = strategy_row(shelves, "ruled.yaml")
    assert (row.timeframes, row.model_type, row.newest_model) == ("1d 1w", "fuzzy_rules", None)


def test_a_saved_strategy_is_checked_by_name(shelves: Shelves) -> None:
    check = check_strategy(shelves, name="trend_following")
    assert check.valid
    assert check.models == ("trend_mlp_v1.0.0.pt",)
    assert check.datasets == ("AAPL 1d", "IBM 1d", "MSFT 1d")


def test_a_model_with_other_features_or_a_damaged_file_does_not_fit(shelves: Shelves, home: Path) -> None:
    (home / "models" / "broken.pt").write_bytes(b"nothing of use")
    text = shelves.strategies.load("rsi_mean_reversion").text
    assert check_strategy(shelves, text=text).models == ("rsi_mlp_v1.0.0.pt",)
    assert check_strategy(shelves, text=text.replace("[30, 50, 70]", "[30, 50, 71]")).models == ()


def test_every_mistake_is_told_with_path_value_and_repair(shelves: Shelves) -> None:
    text = MINE.replace("{type: rsi}", "{type: rsi, period: -5}").replace("mlp", "mpl")
    check = check_strategy(shelves, text=text)
    assert not check.valid
    assert check.mistakes == 2
    assert {(one.path, one.value) for one in check.errors} == {("indicators.rsi_14.period", -5), ("model.type", "mpl")}
    assert all(one.problem and one.repair for one in check.errors)


def test_what_is_no_yaml_is_one_mistake(shelves: Shelves) -> None:
    check = check_strategy(shelves, text="name: [")
    assert (check.valid, check.mistakes) == (False, 1)
    assert "line" in check.errors[0].problem


def test_a_file_with_mistakes_is_told_as_such_and_a_missing_one_is_an_error(shelves: Shelves, home: Path) -> None:
    (home / "strategies" / "broken.yaml").write_text("name: broken\n")
    assert not check_strategy(shelves, name="broken").valid
    with pytest.raises(StrategyError, match="Did you mean 'broken'"):
        check_strategy(shelves, name="brokn")


@pytest.mark.parametrize("given", [{}, {"text": MINE, "name": "mine"}])
def test_text_or_name_must_be_given_but_not_both(shelves: Shelves, given: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="exactly one"):
        check_strategy(shelves, **given)


def test_a_garbage_file_is_answered_in_bounded_length(shelves: Shelves) -> None:
    text = "name: mine\n" + "".join(f"key_{number}: 1\n" for number in range(500))
    check = check_strategy(shelves, text=text)
    assert check.mistakes > len(check.errors) == 40


def test_prices_of_the_user_count(shelves: Shelves, home: Path) -> None:
    shutil.copy(shipped_root() / "data" / "MSFT_1d.csv", home / "data" / "MSFT_1w.csv")
    assert check_strategy(shelves, text=MINE).datasets == ("MSFT 1d", "MSFT 1w")
