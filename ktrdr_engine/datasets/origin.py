"""Where the bars of a file came from: kept inside the file, so that it is never out of step with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ktrdr_engine.datasets.spans import Span, union

_KEY = "ktrdr"


@dataclass(frozen=True, slots=True)
class Origin:
    """The sources in the order they came, and the spans each has been asked about.

    Attributes:
        sources: Labels such as "yahoo AAPL"; the newest last.
        covered: By label; what lies inside need not be asked again.
    """

    sources: tuple[str, ...] = ()
    covered: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)

    @classmethod
    def from_notes(cls, notes: Mapping[str, str]) -> Origin:
        """Read what `to_notes` wrote; a file of other making has no origin."""
        try:
            data = json.loads(notes[_KEY])
            covered = {label: tuple(Span(*pair) for pair in pairs) for label, pairs in data["covered"].items()}
            return cls(tuple(data["sources"]), covered)
        except (KeyError, TypeError, ValueError):
            return cls()

    def to_notes(self) -> dict[str, str]:
        """Return the origin as text."""
        return {_KEY: json.dumps({"sources": self.sources, "covered": self.covered})}

    def after(self, label: str, span: Span | None) -> Origin:
        """Return the origin once `label` has given what it has within `span`; None: it is not asked by time."""
        sources = (*(source for source in self.sources if source != label), label)
        if span is None:
            return Origin(sources, self.covered)
        return Origin(sources, {**self.covered, label: union(self.covered.get(label, ()), span)})
