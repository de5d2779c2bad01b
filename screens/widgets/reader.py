"""Reads a table's rows without ever blocking a key.

A source in memory is read at once. One backed by a database is read outside the UI thread,
one query at a time: until it returns, newer requests replace each other, and only the last is sent next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.widget import Widget

from screens.common.errors import sentence
from screens.widgets.rows import RowSource
from screens.widgets.window import Window, WindowRequest, read


class RowReader:
    """Keeps one question to a source under way, and hands over the answer that is still wanted."""

    def __init__(
        self,
        widget: Widget,
        request: Callable[[], WindowRequest],
        arrived: Callable[[WindowRequest, Window], None],
        failed: Callable[[str], None],
    ) -> None:
        self._widget = widget
        self._request = request
        self._arrived = arrived
        self._failed = failed
        self._source: RowSource | None = None
        self._again = False
        self._busy = False

    @property
    def busy(self) -> bool:
        """True while an answer is on its way."""
        return self._busy

    def ask(self, source: RowSource) -> None:
        """Reads what is wished for; the answer comes at once, or later through `arrived` or `failed`."""
        self._source = source
        if source.inline:
            self._again = False
            self._read_now(source)
            return
        self._again = True
        if not self._busy:
            self._busy = True
            self._widget.run_worker(self._read_on(), group="rows", exit_on_error=False)

    def _read_now(self, source: RowSource) -> None:
        wanted = self._request()
        try:
            window = read(source, wanted)
        except Exception as error:  # noqa: BLE001 - whatever a source meets, the operator gets a sentence and a retry
            self._failed(sentence(error))
        else:
            self._arrived(wanted, window)

    async def _read_on(self) -> None:
        try:
            while self._again and self._source is not None:
                await self._read_in_thread(self._source)
        finally:
            self._busy = False

    async def _read_in_thread(self, source: RowSource) -> None:
        self._again = False
        wanted = self._request()
        try:
            window = await asyncio.to_thread(read, source, wanted)
        except Exception as error:  # noqa: BLE001 - whatever a source meets, the operator gets a sentence and a retry
            if source is self._source:
                self._failed(sentence(error))
            return
        if source is self._source:
            self._arrived(wanted, window)
