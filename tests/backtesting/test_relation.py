"""What a model has seen: trained models against runs one bar beside what their training read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from ktrdr_engine.backtesting.choice import choose
from ktrdr_engine.backtesting.models import ModelRelation, relation_of
from ktrdr_engine.backtesting.relation import Relation, Run, relate
from ktrdr_engine.bars.dates import format_stamp, parse_stamp
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.window import window
from ktrdr_engine.errors import ModelError
from ktrdr_engine.inference.archive import pack
from ktrdr_engine.inference.bundle import load_bundle, save_bundle
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.inference.metadata import ModelMetadata
from ktrdr_engine.training.trainer import gather, train
from tests.inference.models import bundle
from tests.training.prices import HOUR, series, wave
from tests.training.strategies import tiny

SOURCES = ("forward_return", "triple_barrier", "zigzag")
BARS, FIRST = 1_200, 100
PRICES = series(wave(BARS), first=FIRST)


class Trained(NamedTuple):
    metadata: ModelMetadata
    last_read: int

    def relation(self, first: int, last: int, prices: BarSeries = PRICES) -> Relation:
        """Return the relation to a run over the bars [first, last]."""
        stamps = prices.timestamp
        return relate(self.metadata, Run(prices, int(stamps[first]), int(stamps[last]), before=0))

    def kind(self, first: int, last: int, prices: BarSeries = PRICES) -> ModelRelation:
        return self.relation(first, last, prices).kind


def trained(*prices: BarSeries, since: int | None = None, **training: Any) -> Trained:
    strategy = tiny({"epochs": 1} | training)
    given = prices or (PRICES,)
    metadata = train(strategy, given).metadata
    if since is not None:
        read = gather(strategy, given, since=since).read_bars
        metadata = metadata.model_copy(update={"read_bars": read})
    rows = gather(strategy, given, since=since).rows
    parts = [rows["train"], *([rows["validation"]] if strategy.config.training.early_stopping else [])]
    last = max(int(part.known.max()) for part in parts)
    return Trained(metadata, int(np.searchsorted(given[0].timestamp, last)))


def without_digests(model: Trained) -> Trained:
    """Return the model as files of earlier versions tell of it."""
    return model._replace(metadata=model.metadata.model_copy(update={"read_bars": ()}))


def renamed(prices: BarSeries, factor: float = 1.0) -> BarSeries:
    scaled = prices.prices.copy()
    scaled[:4] *= factor
    return BarSeries("ANOTHER-NAME", prices.timeframe, prices.timestamp, scaled)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("early_stopping", [{}, None], ids=["early stopping", "every epoch"])
@pytest.mark.parametrize("is_old", [False, True], ids=["with what was read", "an old file"])
def test_the_last_bar_that_a_label_reaches_is_in_sample_and_the_next_is_not(
    source: str, early_stopping: dict[str, Any] | None, is_old: bool
) -> None:
    labels = {"source": source, "threshold": 0.02, "lookahead": 60}
    model = trained(labels=labels, early_stopping=early_stopping)
    model = without_digests(model) if is_old else model
    metadata = model.metadata
    rows = metadata.metrics["validation"].range if early_stopping is not None else metadata.training_range
    assert rows is not None
    last_row = int(np.searchsorted(PRICES.timestamp, parse_stamp(rows.end)[0]))
    assert model.last_read > last_row
    assert source == "zigzag" or model.last_read <= last_row + 60
    # An old file does not tell how far a zigzag really reached: the purge bounds it.
    first_unseen = model.last_read + 1
    if is_old:
        following = metadata.metrics["test" if early_stopping is not None else "validation"].range
        assert following is not None
        first_unseen = int(np.searchsorted(PRICES.timestamp, parse_stamp(following.start)[0]))
    for first in (last_row + 1, model.last_read, first_unseen - 1):
        assert model.kind(first, BARS - 1) is ModelRelation.IN_SAMPLE
    assert model.kind(first_unseen, BARS - 1) is ModelRelation.OUT_OF_SAMPLE


def test_without_early_stopping_the_validation_part_is_not_seen() -> None:
    chosen, whole = trained(), trained(early_stopping=None)
    first = whole.last_read + 1
    assert (chosen.kind(first, first + 50), whole.kind(first, first + 50)) == (
        ModelRelation.IN_SAMPLE,
        ModelRelation.OUT_OF_SAMPLE,
    )


def test_bars_that_only_settled_the_indicators_were_read_too() -> None:
    model = trained(series(wave(BARS), first=FIRST), since=int(PRICES.timestamp[400]))
    before = series(wave(BARS), first=FIRST)
    assert model.metadata.read_bars[0].start == format_stamp(int(before.timestamp[0]))
    assert model.kind(0, 50, before) is ModelRelation.IN_SAMPLE


def test_a_run_before_all_that_was_read_is_trained_after() -> None:
    earlier = series(wave(BARS + FIRST))
    model = trained()
    found = model.relation(0, FIRST - 1, earlier)
    assert found.kind is ModelRelation.TRAINED_AFTER
    assert format_stamp(int(PRICES.timestamp[0])) in found.notes[0]
    assert model.kind(0, FIRST, earlier) is ModelRelation.IN_SAMPLE
    assert without_digests(model).kind(0, 20, earlier) is ModelRelation.TRAINED_AFTER


def test_another_symbol_is_said_whether_it_is_earlier_or_later() -> None:
    model = trained()
    other = series(wave(2 * BARS, seed=7), "OTHER")
    later = model.relation(BARS + FIRST, 2 * BARS - 1, other)
    beside = model.relation(FIRST + 50, FIRST + 200, other)
    earlier = model.relation(0, FIRST - 1, other)
    assert [one.kind for one in (later, beside, earlier)] == [
        ModelRelation.OTHER_SYMBOL,
        ModelRelation.OTHER_SYMBOL,
        ModelRelation.TRAINED_AFTER,
    ]
    assert "nobody could have had" in " ".join(beside.notes)
    assert "nobody could have had" not in " ".join(later.notes)


@pytest.mark.parametrize("factor", [1.0, 100.0, 0.37])
def test_a_copy_under_another_name_is_in_sample(factor: float) -> None:
    model, copy = trained(), renamed(PRICES, factor)
    assert model.kind(200, 700, copy) is ModelRelation.IN_SAMPLE
    assert model.kind(model.last_read, BARS - 1, copy) is ModelRelation.IN_SAMPLE
    assert model.kind(model.last_read + 1, BARS - 1, copy) is ModelRelation.OTHER_SYMBOL
    assert "WAVE" in model.relation(200, 700, copy).notes[0]


def test_a_part_of_a_copy_alone_is_in_sample() -> None:
    copy = renamed(PRICES).between(300, 500)
    assert trained().kind(0, 199, copy) is ModelRelation.IN_SAMPLE


def test_an_old_file_says_that_it_cannot_recognise_a_copy() -> None:
    found = without_digests(trained()).relation(200, 700, renamed(PRICES))
    assert found.kind is ModelRelation.OTHER_SYMBOL
    assert "cannot be recognised" in found.notes[-1]


def test_a_model_of_several_symbols_knows_how_far_it_read_each() -> None:
    short = series(wave(600, seed=1), "SHORT", first=FIRST)
    model = trained(PRICES, short)
    read = {one.symbol: parse_stamp(one.end)[0] for one in model.metadata.read_bars}
    assert read["SHORT"] < read["WAVE"]
    longer = series(wave(BARS, seed=1), "SHORT", first=FIRST)
    own_end = int(np.searchsorted(longer.timestamp, read["SHORT"]))
    assert model.kind(own_end, BARS - 1, longer) is ModelRelation.IN_SAMPLE
    # Its own bars end here, but the other symbol's go on: the model did not exist yet.
    assert model.kind(own_end + 1, BARS - 1, longer) is ModelRelation.TRAINED_AFTER
    assert model.kind(model.last_read + 1, BARS - 1, longer) is ModelRelation.OUT_OF_SAMPLE
    assert model.kind(200, 700, renamed(longer)) is ModelRelation.IN_SAMPLE


def test_what_was_read_survives_the_file_and_the_digest_is_checked(tmp_path: Path) -> None:
    model = train(tiny({"epochs": 1}), [PRICES])
    save_bundle(model, tmp_path / "m.pt")
    assert load_bundle(tmp_path / "m.pt").metadata.read_bars == model.metadata.read_bars
    broken = model.metadata.read_bars[0].model_copy(update={"digest": "AAAA"})
    (tmp_path / "bad.pt").write_bytes(pack(model.metadata.model_copy(update={"read_bars": (broken,)}), model.network))
    with pytest.raises(ModelError, match="digest"):
        load_bundle(tmp_path / "bad.pt")


OLD_RUN: dict[str, Any] = {"provenance": {"model_sha256": "m"}}


@pytest.mark.parametrize(
    ("results", "relation"),
    [
        ({"model_relation": "trained_after"}, ModelRelation.TRAINED_AFTER),
        (OLD_RUN | {"in_sample": True}, ModelRelation.IN_SAMPLE),
        (OLD_RUN | {"in_sample": False}, None),
        ({"in_sample": False, "provenance": {"model_sha256": None}}, ModelRelation.NONE),
        ({"model_relation": "of a later version"}, None),
        ({"test_accuracy": 0.5}, None),
    ],
)
def test_stored_results_of_every_version_tell_their_relation(
    results: dict[str, Any], relation: ModelRelation | None
) -> None:
    assert relation_of(results) is relation


class Shelf:
    """A folder of models for a run over 1970-03 (hours 1416 to 2159)."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "models"
        self.folder.mkdir()
        self.library = ModelLibrary((home,))
        whole = series(wave(2_400), "EURUSD")
        self.run = Run(whole, 1_416 * HOUR, 2_159 * HOUR, before=0)

    def put(self, name: str, day: int, first: str, last: str, symbol: str = "EURUSD", **more: Any) -> None:
        read = {"symbol": symbol, "start": f"{first}T00:00:00Z", "end": f"{last}T00:00:00Z", "digest": ""}
        values = {"symbols": (symbol,), "read_bars": (read,), "created_at": f"2026-01-{day:02}T00:00:00Z"}
        save_bundle(bundle(**values | more), self.folder / name)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_the_newest_model_whose_bars_end_before_the_run_is_chosen(shelf: Shelf) -> None:
    shelf.put("older.pt", 1, "1970-01-01", "1970-02-01")
    shelf.put("unseen.pt", 2, "1970-01-01", "1970-02-28")
    shelf.put("seen.pt", 3, "1970-01-01", "1970-03-02")
    shelf.put("later.pt", 4, "1970-04-05", "1970-04-10")
    shelf.put("others.pt", 5, "1970-01-01", "1970-02-01", symbol="GBPUSD")
    shelf.put("half.pt", 6, "1970-01-01", "1970-02-01", partial=True)
    assert choose(shelf.library, "s", shelf.run) == "unseen.pt"


def test_where_all_have_seen_the_run_the_newest_of_its_symbol_is_chosen(shelf: Shelf) -> None:
    shelf.put("seen.pt", 1, "1970-01-01", "1970-03-02")
    shelf.put("later.pt", 2, "1970-04-05", "1970-04-10")
    shelf.put("others.pt", 3, "1970-01-01", "1970-02-01", symbol="GBPUSD")
    assert choose(shelf.library, "s", shelf.run) == "later.pt"


def test_no_model_of_another_symbol_is_ever_chosen(shelf: Shelf) -> None:
    shelf.put("others.pt", 1, "1970-01-01", "1970-02-01", symbol="GBPUSD")
    with pytest.raises(ModelError) as refused:
        choose(shelf.library, "s", shelf.run)
    assert refused.value.details["known"] == {"others.pt": ["GBPUSD"]}
    assert "models/others.pt (GBPUSD)" in refused.value.message


def test_every_shipped_model_tells_what_was_read(models: ModelLibrary, bar_store: BarStore) -> None:
    for name in models.names():
        metadata = models.metadata(name)
        assert [one.symbol for one in metadata.read_bars] == list(metadata.symbols)
        for one in metadata.read_bars:
            prices = bar_store.load(one.symbol, metadata.timeframes[0])
            copy = BarSeries("COPY", prices.timeframe, prices.timestamp, prices.prices)
            part = window(copy, parse_stamp(one.end)[0], None, warmup=0).series.timestamp
            seen, unseen = (
                relate(metadata, Run(copy, int(part[place]), int(part[-1]), before=0)).kind for place in (0, 1)
            )
            assert (seen, unseen) == (ModelRelation.IN_SAMPLE, ModelRelation.OTHER_SYMBOL)
