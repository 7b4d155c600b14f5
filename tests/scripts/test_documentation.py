"""Links work in the repository and in the site."""

from __future__ import annotations

from scripts.documentation import ROOT, led


def test_a_page_of_the_site_reaches_one_from_outside() -> None:
    assert led("[m](../models/README.md#a)", ROOT / "docs" / "why.md") == "[m](shipped-models.md#a)"
    assert led("[m](../../models/README.md)", ROOT / "docs" / "reference" / "x.md") == "[m](../shipped-models.md)"


def test_a_page_from_outside_reaches_the_site_and_its_like() -> None:
    assert led("[r](docs/how-to-remote.md)", ROOT / "SECURITY.md") == "[r](how-to-remote.md)"
    assert led("[c](CHANGELOG.md)", ROOT / "SECURITY.md") == "[c](changelog.md)"


def test_other_links_stay_as_they_are() -> None:
    for text in ("[a](https://example.org/x.md)", "[b](#here)", "[c](why.md)"):
        assert led(text, ROOT / "docs" / "index.md") == text
