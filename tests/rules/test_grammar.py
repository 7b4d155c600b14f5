from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.errors import StrategyError
from ktrdr_engine.rules.conditions import And, Condition, Is, Not, Or, Rule, meaning, terms
from ktrdr_engine.rules.grammar import LONGEST, NotACondition, parse

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,5}", fullmatch=True).filter(
    lambda name: name.lower() not in ("is", "not", "and", "or")
)
TERMS = st.builds(Is, NAMES, NAMES, st.sampled_from([None, "1h", "4h", "1d"]))
A, B, C = (Is(name, "x") for name in "abc")


def _several(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    many = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(And, many), st.builds(Or, many))


CONDITIONS: st.SearchStrategy[Condition] = st.recursive(TERMS, _several, max_leaves=8)


@given(CONDITIONS)
def test_what_is_written_is_read_back(condition: Condition) -> None:
    assert parse(str(condition)) == condition


@given(CONDITIONS)
def test_a_term_knows_where_it_stands(condition: Condition) -> None:
    text = str(condition)
    for term in terms(parse(text)):
        assert text[term.position - 1 :].startswith(term.subject)


@given(st.text(alphabet="ab is not and or()@4h&é\n", max_size=60))
def test_any_text_is_a_condition_or_is_refused_with_a_place(text: str) -> None:
    try:
        condition = parse(text)
    except NotACondition as error:
        place = error.position
    else:
        place = 1
        assert parse(str(condition)) == condition
    assert 1 <= place <= len(text) + 1


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("a is x", A),
        ("a is not x", Not(A)),
        ("not a is x", Not(A)),
        ("not a is not x", Not(Not(A))),
        ("not not a is x", Not(Not(A))),
        ("a is x or b is x and c is x", Or((A, And((B, C))))),
        ("(a is x or b is x) and c is x", And((Or((A, B)), C))),
        ("not a is x and b is x", And((Not(A), B))),
        ("not (a is x and b is x)", Not(And((A, B)))),
        ("a is x and b is x and c is x", And((A, B, C))),
        ("(a is x and b is x) and c is x", And((And((A, B)), C))),
        ("  ((a)  is x)".replace("(a)", "a"), A),
        ("a IS x AND Not b iS x\nOR c is x", Or((And((A, Not(B))), C))),
        ("4h a is x", Is("a", "x", "4h")),
        ("a@4h is not x", Not(Is("a", "x", "4h"))),
        ("a @ 15m is x", Is("a", "x", "15m")),
        ("android is island", Is("android", "island")),
    ],
)
def test_conditions_are_read_with_the_usual_precedence(text: str, condition: Condition) -> None:
    assert parse(text) == condition


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 1, "it ends, where a fuzzy set should stand. For example: rsi_zone is oversold"),
        ("a is x and", 11, "it ends, where a fuzzy set should stand"),
        ("a iz x", 3, "there is 'iz', where 'is' should stand. Write a is ..., with a membership of a."),
        ("a nott x", 3, "Did you mean 'not'?"),
        ("a is x adn b is x", 8, "there is 'adn', where 'and', 'or' or the end should stand. Did you mean 'and'?"),
        ("a is x b is x", 8, "Join conditions by and, or."),
        ("a is", 5, "it ends, where a membership of a should stand"),
        ("a is or", 6, "there is 'or', where a membership of a should stand"),
        ("((a is x)", 10, "Close every bracket that was opened."),
        ("a is x)", 7, "there is ')', where 'and', 'or' or the end should stand"),
        ("()", 2, "there is ')', where a fuzzy set should stand"),
        ("4h 1d a is x", 4, "there is '1d', where a fuzzy set should stand"),
        ("a@ is x", 4, "where a timeframe should stand. Such as 4h."),
        ("a@4h@1d is x", 5, "there is '@', where 'is' should stand"),
        ("1d a@4h is x", 5, "there is '@', where 'is' should stand"),
        ("a is x && b is x", 8, "there is '&'. Write the word: and."),
        ("a is x | b is x", 8, "Write the word: or."),
        ("!a is x", 1, "Write the word: not."),
        ("a == x", 3, "Write the word: is."),
        ("a is x + 1", 8, "Write names, is, and, or, not and brackets only"),
        ("a is é", 6, "there is 'é'"),
        ("not " * 20 + "a is x", 81, "nested deeper than 20 times. Make two rules of it."),
        ("(" * 300 + "a is x" + ")" * 300, 21, "nested deeper than 20 times"),
        ("a is x" + " " * LONGEST, LONGEST + 1, "goes on beyond 1000 characters"),
    ],
)
def test_a_text_that_is_no_condition_is_refused_where_it_goes_wrong(text: str, position: int, words: str) -> None:
    with pytest.raises(NotACondition) as caught:
        parse(text)
    assert caught.value.position == position
    assert caught.value.message.startswith(f"At character {position} ")
    assert words in caught.value.message
    assert isinstance(caught.value, StrategyError)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a is x and b is x", "b is x and a is x"),
        ("(a is x and b is x) and c is x", "c is x and b is x and a is x"),
        ("a is x or not not b is x", "b is x or a is x"),
        ("a is x and a is x", "a is x"),
        ("not not a is x", "a is x"),
        ("not not not a is x", "a is not x"),
        ("not (a is x or b is x)", "not (b is x or a is x)"),
        ("not not (a is x and b is x) and c is x", "a is x and b is x and c is x"),
    ],
)
def test_conditions_that_differ_in_form_only_mean_the_same(one: str, other: str) -> None:
    assert meaning(parse(one)) == meaning(parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a is x and b is x", "a is x or b is x"),
        ("a is x", "a is not x"),
        ("a is x", "4h a is x"),
        ("a is x and (b is x or c is x)", "(a is x and b is x) or c is x"),
        ("not a is x and b is x", "not (a is x and b is x)"),
    ],
)
def test_conditions_that_differ_do_not_mean_the_same(one: str, other: str) -> None:
    assert meaning(parse(one)) != meaning(parse(other))


def test_a_rule_is_said_in_words() -> None:
    assert str(Rule(parse("a is x and not (b is x)"), "BUY")) == "BUY when a is x and b is not x"
    assert str(Rule(parse("a@4h is x"), "SELL", 0.5)) == "SELL when 4h a is x (weight 0.5)"
