"""Colours: safe for colour-blind eyes (after Okabe & Ito 2008), with enough contrast on either ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

ThemeName = Literal["dark", "light"]


@dataclass(frozen=True, slots=True)
class Theme:
    """What a chart is drawn with; text has a contrast of at least 4.5 : 1 on the ground, marks of 3 : 1.

    Gains and losses differ in lightness and shape as well as in hue: blue and orange, never green and red.
    """

    ground: str
    ink: str
    quiet: str
    grid: str
    main: str
    gain: str
    loss: str
    other: str
    middle: str


THEMES: Final[dict[ThemeName, Theme]] = {
    "light": Theme(
        ground="#ffffff",
        ink="#1b2530",
        quiet="#596673",
        grid="#e4e8ed",
        main="#0072b2",
        gain="#0072b2",
        loss="#c4500a",
        other="#8a4f7d",
        middle="#f4f5f6",
    ),
    "dark": Theme(
        ground="#12171e",
        ink="#e9eef4",
        quiet="#a5b1be",
        grid="#2a323c",
        main="#5fb8f0",
        gain="#5fb8f0",
        loss="#ff9d4d",
        other="#dd9fce",
        middle="#222a33",
    ),
}
