"""One question to the application, opened for it and closed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import anyio

from ktrdr_engine.composition import open_application

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application
    from ktrdr_engine.settings import Settings

AnswerT = TypeVar("AnswerT")


def ask(settings: Settings, question: Callable[[Application], AnswerT]) -> AnswerT:
    """Return the answer of this home's application."""

    async def asked() -> AnswerT:
        async with open_application(settings) as application:
            return question(application)

    return anyio.run(asked)
