from __future__ import annotations

import json
from pathlib import Path

import pytest

from ktrdr_engine.authoring.models import model_card, model_page, model_row
from ktrdr_engine.authoring.replies import ModelPage
from ktrdr_engine.authoring.shelves import Shelves
from ktrdr_engine.errors import ModelError
from ktrdr_engine.inference.bundle import ModelBundle, save_bundle
from ktrdr_mcp.authoring_views import models_text

RSI = "rsi_mlp_v1.0.0.pt"


def own_copy(shelves: Shelves, old: str, new: str) -> None:
    text = shelves.strategies.load("rsi_mean_reversion").text
    assert old in text
    shelves.strategies.save("rsi_mean_reversion", text.replace(old, new))


def test_a_shipped_model_is_listed_with_how_it_did(shelves: Shelves) -> None:
    row = model_row(shelves, RSI)
    test = shelves.models.metadata(RSI).metrics["test"]
    assert (row.strategy, row.symbols, row.timeframes, row.source) == ("rsi_mean_reversion", "EURUSD", "1h", "shipped")
    assert (row.trained_from[:10], row.trained_to[:10]) == ("2017-01-02", "2017-09-07")
    assert (row.test_accuracy, row.majority_accuracy) == (test.accuracy, test.majority_baseline)
    assert row.strategy_state == "unchanged"
    assert row.problem is None


def test_a_damaged_file_is_listed_with_its_problem(shelves: Shelves, home: Path) -> None:
    (home / "models" / "broken.pt").write_bytes(b"nothing of use")
    row = model_row(shelves, "broken.pt")
    assert (row.source, row.strategy) == ("user", "")
    assert row.problem is not None
    assert "broken.pt" in row.problem


def test_pages_cover_every_model_once(shelves: Shelves) -> None:
    names = shelves.models.names()
    pages = [model_page(shelves, 2, offset) for offset in range(0, len(names), 2)]
    assert [row.name for page in pages for row in page.models] == names
    assert {page.total for page in pages} == {len(names)}


def test_a_changed_strategy_that_computes_the_same_features_still_agrees(shelves: Shelves) -> None:
    own_copy(shelves, "confidence_threshold: 0.4", "confidence_threshold: 0.5")
    assert model_row(shelves, RSI).strategy_state == "changed, the features still agree"


def test_a_strategy_with_other_features_needs_another_training(shelves: Shelves) -> None:
    own_copy(shelves, "period: 14", "period: 21")
    state = model_row(shelves, RSI).strategy_state
    assert "train again" in state
    assert "rsi_14 is rsi(period=21" in state


def test_a_strategy_that_cannot_be_read_is_told(shelves: Shelves, home: Path) -> None:
    (home / "strategies" / "rsi_mean_reversion.yaml").write_text("name: [")
    assert model_row(shelves, RSI).strategy_state.startswith("cannot be used:")


def test_the_card_of_a_model_is_json_and_whole(shelves: Shelves) -> None:
    card = model_card(shelves, "rsi_mlp_v1.0.0")
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    assert card["strategy_state"] == "unchanged"
    assert card["metrics"]["test"]["confusion"]
    assert card["feature_names"]
    assert card["strategy"]["name"] == "rsi_mean_reversion"


def test_an_unknown_model_is_refused_with_the_nearest(shelves: Shelves) -> None:
    with pytest.raises(ModelError, match="Did you mean 'rsi_mlp"):
        model_card(shelves, "rsi_mpl_v1.0.0")


def test_a_model_whose_training_was_cancelled_is_marked(shelves: Shelves, home: Path) -> None:
    whole = shelves.models.load(RSI)
    cut = ModelBundle.of(whole.metadata.model_copy(update={"partial": True}), whole.network)
    save_bundle(cut, home / "models" / "cut.pt")
    row = model_row(shelves, "cut.pt")
    assert row.partial
    assert not model_row(shelves, RSI).partial
    page = ModelPage(models=(row,), total=1, returned=1)
    assert "cut.pt (user, training cancelled): for rsi_mean_reversion" in models_text(page, None)
