"""Type-ahead: each key waits for everything the previous key started.

A terminal sends keys faster than a screen opens, and Textual hands each key to whatever has the focus when it
arrives. `TypeAhead` makes a burst of keys do what the same keys do when they are typed slowly:

- A key is delivered once the messages of the key before it are handled, no dialog is on its way, the screen on top
  is complete, and the list under the keys shows what the operator asked of it.
- Keys that wait longer than `HOLD_SECONDS` for one key before them are dropped, and the operator reads so. They never
  reach another screen.
- `esc` then stops waiting: an action that has not shown its question yet is cancelled.

Work that ends with a dialog or a change runs in a worker of one of the groups in `HOLDING`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from time import monotonic
from typing import Any
from weakref import WeakSet

from textual import events
from textual.app import App
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker, get_current_worker

from screens.common.coalesced import FIRST_READING
from screens.common.delay import after

_PALETTE = "--textual-command-palette-gather-commands"
"""Textual's own group of the palette's search: enter must not choose from the hits of a shorter word."""
HOLDING = frozenset(
    {"dialog", "goto", "go", "theme", "save", "command", "change", "export", FIRST_READING, _PALETTE}
)
"""Groups of workers that hold keys back until they end or wait for an answer."""
HOLD_SECONDS = 3.0
ROUNDS = 4
"""Messages that may follow one another from a key to its effect, such as enter → field → form → dialog."""
_LOOK = 0.01
_MOUSE = (events.MouseDown, events.MouseUp, events.MouseScrollUp, events.MouseScrollDown)
log = logging.getLogger(__name__)
Typed = events.Key | events.Paste


class Fence(Message, bubble=True):
    """Follows a key through every widget on its way; where it arrives, the key was handled."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class TypeAhead(App[int]):
    """An app in which a burst of keys does what the same keys do one by one."""

    hold_seconds = HOLD_SECONDS

    def __init__(self, **app: Any) -> None:
        super().__init__(**app)
        self.left = False
        """True once the operator, a signal or the console itself requested the exit."""
        self._held: deque[Typed] = deque()
        self._waiting_since = 0.0
        self._released: Typed | None = None
        self._number = 0
        self._rounds = 0
        self._target: Widget | None = None
        self._clock_runs = False
        self._ignoring = False
        self._asking: dict[Worker[Any], Screen[Any]] = {}
        self._given_up: WeakSet[Worker[Any]] = WeakSet()

    def exit(self, result: int | None = None, return_code: int = 0, message: Any = None) -> None:
        """Ends the app."""
        self.left = True
        super().exit(result, return_code, message)

    @property
    def keys_wait(self) -> bool:
        """True while a key would have to wait."""
        self._find_lost_fence()
        return bool(self._rounds or self._held or self._pending())

    # Delivering

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, _MOUSE) and not event.is_forwarded and self._pending():
            return  # a click must not reach what lies behind a dialog that is on its way
        if not isinstance(event, Typed) or event.is_forwarded:
            await super().on_event(event)
            return
        if event is not self._released and self.keys_wait:
            self._hold(event)
            return
        self._released = None
        try:
            await super().on_event(event)
        finally:  # what it awaited may have been cancelled; the next key must not wait for that
            self._send_fences()

    def _hold(self, event: Typed) -> None:
        if self._ignoring and self._pending():
            if isinstance(event, events.Key) and event.key == "escape":
                self._stop_waiting()
            return
        self._ignoring = False
        if not self._held:
            self._waiting_since = monotonic()
        self._held.append(event)
        self._run_clock()

    def _send_fences(self) -> None:
        self._rounds = ROUNDS
        self._send_fence()

    def _send_fence(self) -> None:
        self._number += 1
        if not self.screen_stack:
            self._rounds = 0
            return
        focused = self.focused
        target = self._target = focused if focused is not None and focused.is_attached else self.screen
        fence = Fence(self._number).set_sender(target)
        if not target.post_message(fence):
            self.post_message(Fence(self._number))

    def _find_lost_fence(self) -> None:
        """Sends a fence again when the widget that had it was removed."""
        target = self._target
        if not self._rounds or self._released is not None or target is None:
            return
        if not (target.is_running and target.is_attached):
            self._send_fence()

    def on_fence(self, message: Fence) -> None:
        """A fence came through: everything before it was handled."""
        message.stop()
        if message.number != self._number or not self._rounds:
            return
        self._rounds -= 1
        if self._rounds:
            self._send_fence()
        else:
            self._release()

    def _release(self) -> None:
        """Delivers the next key, unless something is on its way."""
        if not self._held or self._rounds:
            return
        if self._pending():
            self._run_clock()
            return
        event = self._released = self._held.popleft()
        self._waiting_since = monotonic()
        self._rounds = ROUNDS  # until it was delivered; nothing overtakes it
        self.post_message(event)

    # Waiting

    def _pending(self) -> bool:
        """True while something is on its way that the next key is meant for."""
        return next(self._reasons(), None) is not None

    def _reasons(self) -> Iterator[object]:
        if not self.screen_stack:
            return
        if not self.screen.is_mounted:
            yield self.screen
        for worker in self.workers:
            if worker.group in HOLDING and worker.is_running and worker not in self._given_up:
                asked = self._asking.get(worker)
                if asked is None or asked not in self.screen_stack:
                    yield worker
        focused = self.focused
        if focused is not None and focused.is_attached and getattr(focused, "catching_up", False):  # a list
            yield focused

    def _run_clock(self) -> None:
        if not self._clock_runs:
            self._clock_runs = True
            after(_LOOK, self, self._tick)

    def _tick(self) -> None:
        """Looks whether what was on its way has arrived; runs only while keys wait."""
        self._clock_runs = False
        if not self._held:
            return
        if monotonic() - self._waiting_since > self.hold_seconds:
            self._drop()
            return
        self._find_lost_fence()
        if not self._rounds and not self._pending():
            self._send_fences()  # what just arrived still has messages of its own, such as the first focus
        self._run_clock()

    def _drop(self) -> None:
        self._held.clear()
        self._ignoring = True
        self.notify(
            "Still working: keys typed now are ignored. Press esc to stop waiting.",
            severity="warning",
            markup=False,
        )

    def _stop_waiting(self) -> None:
        """Cancels actions that have not shown their question yet, and no longer waits for the others."""
        for worker in [each for each in self._reasons() if isinstance(each, Worker)]:
            self._given_up.add(worker)
            if worker.group == "dialog" and worker not in self._asking:
                worker.cancel()
        self._ignoring = False

    # Dialogs

    async def push_screen_wait(self, screen: Any, *, mode: str | None = None) -> Any:
        """Shows a dialog and waits for its answer; cancelling the action closes its dialog.

        Unlike Textual's own, it runs no callback of the app in the worker: a callback that is cancelled with the
        worker cancels the removal of widgets it waits for, and the app with it.
        """
        worker = get_current_worker()
        answer = self.push_screen(screen, wait_for_dismiss=True, mode=mode)
        self._asking[worker] = screen
        answer.add_done_callback(lambda _: self._asking.pop(worker, None))
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            if self.screen_stack and self.screen is screen:
                screen.dismiss(None)
            raise

    async def _process_messages_loop(self) -> None:
        """Continues after something awaited in a message was cancelled; only a cancelled app ends."""
        while True:
            try:
                await super()._process_messages_loop()
                return
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if self._exit or task is None or task.cancelling():
                    raise
                log.warning("Something the console waited for was cancelled", exc_info=True)
