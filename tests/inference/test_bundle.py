from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Literal

import pytest

from ktrdr_engine.errors import ModelError, StorageError
from ktrdr_engine.features.plan import FeaturePlan, FuzzyInput, IndicatorPlan, MembershipPlan, RawInput
from ktrdr_engine.inference.bundle import load_bundle, save_bundle
from tests.inference.models import PLAN, bundle, matrix

LOW, HIGH = PLAN.inputs[0].memberships  # type: ignore[union-attr]  # the first input is the fuzzy one


def test_a_saved_model_comes_back_as_it_was(tmp_path: Path) -> None:
    model, path = bundle(), tmp_path / "m.pt"
    save_bundle(model, path)
    loaded = load_bundle(path)
    assert loaded.metadata == model.metadata
    assert loaded.sha256 == model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert loaded.predict(matrix(100)).tobytes() == model.predict(matrix(100)).tobytes()


def test_saving_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    path.write_bytes(b"mine")
    with pytest.raises(ModelError, match=r"m\.pt exists already .* choose another name"):
        save_bundle(bundle(), path)
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


def test_saving_leaves_nothing_but_the_file(tmp_path: Path) -> None:
    save_bundle(bundle(), tmp_path / "m.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["m.pt"]


def test_a_save_that_breaks_off_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(StorageError, match="No space left on device"):
        save_bundle(bundle(), tmp_path / "m.pt")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file or directory"):
        save_bundle(bundle(), tmp_path / "nowhere" / "m.pt")


def test_a_missing_file_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"m\.pt: cannot be read \(No such file"):
        load_bundle(tmp_path / "m.pt")


def test_an_oversize_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    with path.open("wb") as file:
        file.truncate(300 * 2**20)
    with pytest.raises(ModelError, match=r"300 MB is more than a model file may have \(256 MB\)"):
        load_bundle(path)


def test_the_plan_it_was_trained_with_is_accepted() -> None:
    bundle().require(PLAN)
    written_out = IndicatorPlan("rsi_14", "rsi", (("period", 14), ("source", "close")))
    bundle().require(dataclasses.replace(PLAN, indicators=(written_out,)))


def fuzzy(*memberships: MembershipPlan, name: str = "zone") -> FeaturePlan:
    return dataclasses.replace(PLAN, inputs=(FuzzyInput(name, "rsi_14", None, memberships), PLAN.inputs[1]))


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (dataclasses.replace(PLAN, timeframe="4h"), "feature 1 is '4h_zone_low', the model has '1h_zone_low'"),
        (dataclasses.replace(PLAN, lags=0), "feature 2 is '1h_zone_high', the model has '1h_zone_low_lag_1'"),
        (fuzzy(HIGH, LOW), "feature 1 is '1h_zone_high'.* and 1 more"),
        (fuzzy(LOW), "feature 3 is '1h_rsi_14_raw', the model has '1h_zone_high'; .*; and 1 more"),
        (fuzzy(LOW, HIGH, name="area"), "feature 1 is '1h_area_low'"),
        (dataclasses.replace(PLAN, inputs=PLAN.inputs[:1]), "feature 5 is absent, the model has '1h_rsi_14_raw'"),
        (
            dataclasses.replace(PLAN, indicators=(IndicatorPlan("rsi_14", "rsi", (("period", 15),)),)),
            r"indicator rsi_14 is rsi\(period=15, source=close\), the model has rsi\(period=14",
        ),
        (
            dataclasses.replace(PLAN, indicators=(IndicatorPlan("rsi_14", "sma", (("period", 14),)),)),
            r"indicator rsi_14 is sma\(",
        ),
        (
            fuzzy(MembershipPlan("low", "triangular", (0, 25, 35)), HIGH),
            r"membership zone.low is triangular\[0.0, 25.0, 35.0\] .*, the model has triangular\[0.0, 20.0",
        ),
        (
            dataclasses.replace(PLAN, inputs=(PLAN.inputs[0], RawInput("rsi_14", None, "zscore"))),
            "input rsi_14_raw is zscore .*, the model has minmax",
        ),
    ],
)
def test_other_features_are_refused_with_the_first_differences(plan: FeaturePlan, reason: str) -> None:
    with pytest.raises(ModelError, match=reason) as caught:
        bundle().require(plan)
    assert "train it again" in caught.value.message
    assert caught.value.details["differences"]


def test_another_output_of_the_indicator_is_another_feature() -> None:
    macd = IndicatorPlan("m", "macd")
    trained, given = (
        FeaturePlan("1h", (macd,), (FuzzyInput("z", "m", output, (LOW,)),)) for output in ("line", "signal")
    )
    with pytest.raises(ModelError, match=r"membership z.low is triangular.* of signal, the model has .* of line"):
        bundle(plan=trained).require(given)


def test_inputs_grouped_otherwise_are_the_same_features() -> None:
    raw, slow = (RawInput("rsi_14", None, "minmax", read_on) for read_on in (("1h",), ("4h",)))
    whole = dataclasses.replace(PLAN, inputs=(RawInput("rsi_14", None, "minmax"),), higher=("4h",))
    bundle(plan=whole).require(dataclasses.replace(whole, inputs=(raw, slow)))


KINDS: tuple[tuple[Literal["none", "minmax"], str], ...] = (("none", "1h"), ("minmax", "4h"))


def test_a_difference_on_one_timeframe_alone_is_found() -> None:
    raw, slow = (RawInput("rsi_14", None, kind, (read_on,)) for kind, read_on in KINDS)
    trained = dataclasses.replace(PLAN, inputs=(raw, slow), higher=("4h",))
    given = dataclasses.replace(trained, inputs=(RawInput("rsi_14", None, "minmax"),))
    with pytest.raises(ModelError, match="input rsi_14_raw is minmax of its value, the model has none"):
        bundle(plan=trained).require(given)
