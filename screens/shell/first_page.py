"""The page that the console opens at, read before anything is drawn, and the screen around every page."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from engine.queries.dashboard import nothing_yet
from engine.work.events import last_id
from screens.framework.screen import BaseScreen
from screens.shell.registry import make
from screens.widgets.textual_screen import TextualScreen

FIRST = "dashboard"
AT_ONCE = 0.5
"""Seconds that the first frame waits for the data of its page; a slower database gets a page that is loading."""
log = logging.getLogger(__name__)


class Main(TextualScreen[None]):
    """Everything but dialogs. The open page takes the focus; nothing else is focused before."""

    AUTO_FOCUS = ""


async def read_first(read_only: bool, follow_from: Callable[[int], None]) -> BaseScreen:
    """The page with its data: the setup wizard on a site without servers, unless this console is read-only.

    `follow_from` gets the newest event before anything is read: what happens later changes what the page shows.
    """
    try:
        newest, empty = await asyncio.to_thread(lambda: (last_id(), not read_only and nothing_yet()))
        follow_from(newest)
        page = make("wizard" if empty else FIRST)
        with suppress(TimeoutError):
            await asyncio.wait_for(page.prepare(), AT_ONCE)
        return page
    except Exception:
        log.exception("The first page could not be read")
        return make(FIRST)
