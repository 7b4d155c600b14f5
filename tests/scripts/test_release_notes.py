"""The notes of a release are what the changelog says, whole and nothing else."""

from __future__ import annotations

from scripts.release_notes import notes

CHANGELOG = """# Changelog

## [Unreleased]

## [0.2.0] - 2027-01-02

### Added

- Two.

## [0.1.0] - 2026-11-25

- One.

[0.1.0]: https://example.org
"""


def test_the_notes_end_where_the_next_version_begins() -> None:
    assert notes(CHANGELOG, "0.2.0") == "### Added\n\n- Two."


def test_the_last_version_ends_before_the_links() -> None:
    assert notes(CHANGELOG, "0.1.0") == "- One."


def test_a_version_without_notes_is_told_from_one_that_is_unknown() -> None:
    assert notes(CHANGELOG, "Unreleased") == ""
    assert notes(CHANGELOG, "0.3.0") is None


def test_a_version_is_no_pattern() -> None:
    assert notes(CHANGELOG, "0.1.") is None
