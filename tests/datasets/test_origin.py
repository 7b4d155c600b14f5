from __future__ import annotations

import pytest

from ktrdr_engine.datasets.origin import Origin
from ktrdr_engine.datasets.spans import Span


def test_an_origin_reads_back_from_its_notes() -> None:
    origin = Origin().after("yahoo AAPL", Span(1, 5)).after("file x.csv", None).after("yahoo AAPL", Span(6, 9))
    assert Origin.from_notes(origin.to_notes()) == origin
    assert origin.sources == ("file x.csv", "yahoo AAPL")
    assert origin.covered == {"yahoo AAPL": (Span(1, 9),)}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"sources": 1, "covered": {"a": [1]}}', '{"covered": {}}', "null"])
def test_a_file_of_other_making_has_no_origin(text: str) -> None:
    assert Origin.from_notes({"ktrdr": text}) == Origin()
    assert Origin.from_notes({}) == Origin()
