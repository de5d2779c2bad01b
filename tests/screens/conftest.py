"""What the tests of screens share: an app with the console's own styling, in one of its looks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from screens.shell import themes
from tests.screens import pace
from tests.screens.pictures import pictures

__all__ = ["pictures"]

MakeApp = Callable[..., "Stage"]


class Stage(App[None]):
    """A bare app that shows some widgets and keeps the messages they post."""

    CSS_PATH = themes.stylesheet()
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, widgets: Iterable[Widget], theme: str, read_only: bool = False) -> None:
        super().__init__(ansi_color=True if theme == "16" else None)
        themes.register(self)
        self.theme = themes.NAMES[theme]
        self.animation_level = "none"
        self.read_only = read_only
        self.widgets = tuple(widgets)
        self.heard: list[Message] = []
        self.copied: list[str] = []

    def compose(self) -> ComposeResult:
        yield from self.widgets

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)

    def heard_of(self, kind: type[Any]) -> list[Any]:
        """The messages of one kind that reached the app, oldest first."""
        return [message for message in self.heard if isinstance(message, kind)]

    async def _on_message(self, message: Message) -> None:
        self.heard.append(message)
        await super()._on_message(message)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs an `async def` test on an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


@pytest.fixture(autouse=True)
def steady_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No cursor blinks, and the terminal running the tests does not choose the colours."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    pace.wait_for_messages(monkeypatch)
    pace.parse_once(monkeypatch)
    pace.strips_without_caches(monkeypatch)
    yield


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> MakeApp:
    """Makes a Stage: `stage(widget, look="16")`; looks are dark, light, 16, high-contrast and no-color."""

    def make(*widgets: Widget, look: str = "dark", read_only: bool = False) -> Stage:
        if look == "no-color":
            monkeypatch.setenv("NO_COLOR", "1")
        return Stage(widgets, "16" if look == "no-color" else look, read_only)

    return make
