from __future__ import annotations

import subprocess
import sys

import pytest

from ktrdr_engine.features.registry import INDICATORS, MEMBERSHIPS
from ktrdr_engine.features.specs import IndicatorSpec, MembershipSpec

EVERY = pytest.mark.parametrize("spec", INDICATORS.values(), ids=INDICATORS)


def test_every_promised_indicator_is_there() -> None:
    promised = (
        "rsi macd sma ema wma bbands bollingerbandwidth atr adx stochastic williamsr cci mfi roc momentum obv "
        "parabolicsar aroon vwap cmf adline volumeratio distancefromma squeezeintensity keltnerchannels "
        "donchianchannels supertrend ichimoku rvi fishertransform"
    )
    assert list(INDICATORS) == promised.split()


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("macd", ("line", "signal", "histogram")),
        ("bbands", ("upper", "middle", "lower")),
        ("adx", ("adx", "plus_di", "minus_di")),
        ("stochastic", ("k", "d")),
        ("aroon", ("up", "down", "oscillator")),
        ("rsi", ("value",)),
        ("keltnerchannels", ("upper", "middle", "lower")),
        ("donchianchannels", ("upper", "middle", "lower")),
        ("supertrend", ("trend", "direction")),
        ("ichimoku", ("tenkan", "kijun", "senkou_a", "senkou_b")),
        ("rvi", ("rvi", "signal")),
        ("fishertransform", ("fisher", "signal")),
    ],
)
def test_outputs_have_the_names_of_the_domain(name: str, outputs: tuple[str, ...]) -> None:
    assert INDICATORS[name].outputs == outputs


@EVERY
def test_defaults_are_allowed(spec: IndicatorSpec) -> None:
    assert spec.problems(spec.complete({})) == []


@EVERY
def test_a_declaration_says_all_a_reader_needs(spec: IndicatorSpec) -> None:
    assert all((spec.title, spec.description.endswith("."), spec.formula, spec.inputs, spec.outputs))
    assert set(spec.inputs) <= {"open", "high", "low", "close", "volume"}
    assert all(parameter.description.endswith(".") and parameter.allowed for parameter in spec.parameters)


@EVERY
def test_a_source_can_be_chosen_where_only_the_close_is_read(spec: IndicatorSpec) -> None:
    assert ("source" in spec.complete({})) == (spec.inputs == ("close",) or spec.name == "squeezeintensity")


@pytest.mark.parametrize("spec", MEMBERSHIPS.values(), ids=MEMBERSHIPS)
def test_the_example_of_a_membership_function_is_allowed(spec: MembershipSpec) -> None:
    assert spec.problem(spec.example) is None


def test_the_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        INDICATORS["zigzag"] = INDICATORS["rsi"]  # type: ignore[index]  # the point of the test


def test_declarations_and_plans_need_no_numeric_library() -> None:
    code = "import sys, ktrdr_engine.features.plan as p; print(sorted({'numpy', 'talib', 'pandas'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_bars_and_indicators_work_without_pandas() -> None:
    code = """
import sys

class NoPandas:
    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name="pandas")

sys.meta_path.insert(0, NoPandas())
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.features.indicators import compute
from ktrdr_engine.features.plan import IndicatorPlan
series = BarStore((shipped_root(),)).load("GOOG", "1d")
assert "talib" not in sys.modules
print(len(compute(IndicatorPlan("r", "rsi"), series)["value"]))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "2148"
