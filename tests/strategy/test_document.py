from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr_engine.errors import StrategyError
from ktrdr_engine.strategy.document import MAX_BYTES, read_document


def read(text: str) -> dict[str, object]:
    return dict(read_document(text.encode(), "s.yaml").root)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", ["is empty", "name: my_strategy"], id="empty"),
        pytest.param(b"# only a remark\n", ["is empty"], id="only a comment"),
        pytest.param(b"---\n", ["is empty"], id="only a marker"),
        pytest.param(b"- name: x\n", ["holds a list", "mapping"], id="a list"),
        pytest.param(b"just words\n", ["holds a single value", "mapping"], id="a word"),
        pytest.param(b"a: 1\n---\nb: 2\n", ["line 2", "second document"], id="two documents"),
        pytest.param(b"name: x\nindicators: [1, 2\n", ["malformed YAML at line 3, column 1"], id="open bracket"),
        pytest.param(b"name: x: y\n", ["malformed YAML at line 1, column 8"], id="two colons"),
        pytest.param(b"name: x\n\tversion: 1\n", ["malformed YAML at line 2"], id="tab"),
        pytest.param(b"name: 'x\n", ["malformed YAML", "quot"], id="open quote"),
        pytest.param(b"name: a\x07b\n", ["malformed YAML", "control characters"], id="control character"),
        pytest.param(b"name: x\nname: y\n", ["line 2", "'name' occurs a second time"], id="duplicate key"),
        pytest.param(b"a: {b: 1, b: 2}\n", ["'b' occurs a second time"], id="duplicate inner key"),
        pytest.param(b"1: x\n", ["key 1 is not a word"], id="number as key"),
        pytest.param(b"? [a]\n: b\n", ["key ['a'] is not a word"], id="list as key"),
        pytest.param(b"a: &x 1\nb: *x\n", ["line 1, column 4", "anchor or an alias"], id="alias"),
        pytest.param(b"a: !!python/object/apply:os.system ['true']\n", ["tag", "Leave it out"], id="python tag"),
        pytest.param(b"a: !!int '3'\n", ["tag"], id="plain tag"),
        pytest.param("name: é\n".encode("latin-1"), ["not UTF-8", "0xe9 at position 6", "Save"], id="latin-1"),
        pytest.param("name: x\n".encode("utf-16"), ["not UTF-8", "0xff at position 0"], id="utf-16"),
        pytest.param(b"a: " + b"x" * MAX_BYTES, ["256 KB"], id="huge"),
        pytest.param(b"a: " + b"[" * 21 + b"]" * 21, ["nested deeper"], id="deep"),
    ],
)
def test_what_is_no_strategy_document_is_refused_with_its_place(content: bytes, words: list[str]) -> None:
    with pytest.raises(StrategyError) as caught:
        read_document(content, "s.yaml")
    assert caught.value.message.startswith("s.yaml: ")
    for word in words:
        assert word in caught.value.message


@pytest.mark.parametrize("text", ["[", "{a: ", "- ", "? ", "a: [", "&a [", "- 1\n", "'", "*a "])
def test_a_file_made_to_exhaust_the_parser_is_refused(text: str) -> None:
    with pytest.raises(StrategyError):
        read_document((text * (250_000 // len(text))).encode(), "bomb.yaml")


def test_a_bomb_of_aliases_is_refused_at_its_first_anchor() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    with pytest.raises(StrategyError, match=r"line 1, column 5 there is an anchor"):
        read("\n".join(lines))


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = "{a: no, b: 1e-3, c: 1:30, d: 2017-01-01, e: ~, f: true, g: '5', h: -7, i: .5, j: 0x1F, k: 1_000, l: }"
    assert read(text) == {
        "a": "no", "b": 0.001, "c": "1:30", "d": "2017-01-01", "e": None, "f": True, "g": "5", "h": -7, "i": 0.5,
        "j": "0x1F", "k": "1_000", "l": None,
    }  # fmt: skip
    infinite = read("{a: .inf, b: -.Inf, c: .NaN}")
    assert infinite["a"] == math.inf
    assert infinite["b"] == -math.inf
    assert math.isnan(infinite["c"])  # type: ignore[arg-type]  # the value is an object to the checker


def test_a_number_of_a_hundred_digits_stays_text() -> None:
    assert read("a: " + "9" * 100) == {"a": "9" * 100}


def test_a_byte_order_mark_and_document_markers_are_allowed() -> None:
    assert read("\ufeff---\na: 1\n...\n") == {"a": 1}


def test_every_value_knows_its_line() -> None:
    document = read_document(b"a: 1\nb:\n  c: 2\n  d:\n    - 3\n    - {e: 4}\n", "s.yaml")
    assert document.lines[("b",)] == 2
    assert document.lines[("b", "c")] == 3
    assert document.lines[("b", "d", 1)] == 6
    assert document.lines[("b", "d", 1, "e")] == 6


_scalars = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("abc xyz:#-'\"\n", max_size=12)
_documents = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=5),
    st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(_documents)
def test_what_a_yaml_writer_writes_is_read_back(root: dict[str, object]) -> None:
    text = yaml.safe_dump(root)
    if "&" in text:  # the writer shares equal lists
        return
    assert read(text) == root
