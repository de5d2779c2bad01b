"""The consoles of a VM: the serial console in this terminal, or the noVNC console in a browser."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from textual.app import SuspendNotSupported
from textual.worker import Worker

from engine.consoles import console_options
from engine.consoles.keys import control_key, key_name
from screens.common.errors import sentence
from screens.common.text import plain
from screens.framework.commands import Commands
from screens.framework.screen import actor
from screens.widgets.dialogs import Choice, Choose

if TYPE_CHECKING:  # what speaks with Proxmox is imported when a console is opened
    from engine.actions.consoles import OpenSerial
    from screens.consoles.serial_terminal import SerialSession

_WATCH_S = 5.0


@contextmanager
def _standing_by(ready: Callable[[], None]) -> Iterator[None]:
    """Takes over from an engine that died, which is the UI loop's task; that loop waits for the serial console."""
    left = threading.Event()

    def watch() -> None:
        while not left.wait(_WATCH_S):
            with suppress(Exception):  # such as a lost database; the header reports it after the return
                ready()

    threading.Thread(target=watch, name="standing-by", daemon=True).start()
    try:
        yield
    finally:
        left.set()


class ConsoleCommands(Commands):
    """The key that opens a console of the VM that is chosen."""

    def do_console(self) -> Worker[None]:
        return self.asks(self._choose_console(self.one()))

    async def _choose_console(self, service_id: int | None) -> None:
        from engine.consoles.screen_offers import LINK_SECONDS

        if service_id is None:
            return
        key = key_name(control_key(console_options.current().detach))
        choices = (
            Choice("serial", f"The serial console, in this terminal; {key} comes back here."),
            Choice("screen", f"A link to the noVNC console, valid once, for {LINK_SECONDS:g} seconds."),
        )
        title = f"Console of {await self.name_of(service_id)}"
        chosen = await self.app.push_screen_wait(Choose(title, choices))
        if chosen == "serial":
            await self._serial(service_id)
        elif chosen == "screen":
            await self._screen(service_id)

    async def _serial(self, service_id: int) -> None:
        from engine.actions.consoles import open_serial
        from screens.consoles import serial_terminal
        from screens.consoles.dialogs import LastLines

        app: Any = self.app
        await app.begin()  # the UI loop starts the engine, and cannot while it waits for the serial console
        opened = await self.read(lambda: open_serial(actor(), service_id))
        session = None if opened is None else self._visit(opened)
        if opened is None or session is None:
            return
        said = serial_terminal.sentence(session.parting, plain(opened.line.name))
        if session.lines:
            self.app.push_screen(LastLines(said, "\n".join(session.lines)))
        else:
            self.notify(said, markup=False)

    def _visit(self, opened: OpenSerial) -> SerialSession | None:
        """Gives the terminal to the serial console until the operator returns; the engine keeps working."""
        from screens.consoles import serial_terminal

        key = control_key(console_options.current().detach)
        session, failure = None, ""
        app: Any = self.app
        try:
            with app.suspend(), _standing_by(app.setup.ready):
                sys.stdout.write(
                    f"\nSerial console of {plain(opened.line.name)}; {key_name(key)} goes back to kvmtui. "
                    "Press Enter if nothing comes.\n"
                )
                try:
                    session = serial_terminal.visit(opened, key)
                except Exception as error:  # noqa: BLE001 - the console must take its terminal back
                    failure = sentence(error)
        except SuspendNotSupported:
            opened.end("the terminal could not be handed over")
            failure = "This terminal cannot be handed over; use kvmtui vm console beside the console."
        if failure:
            self.notify(failure, severity="error", markup=False, timeout=10)
        return session

    async def _screen(self, service_id: int) -> None:
        from engine.actions.consoles import ScreenLinks
        from screens.consoles.dialogs import LinkDialog

        app: Any = self.app
        links = app.screen_links = app.screen_links or ScreenLinks()
        offered = await self.read(lambda: links.offer(actor(), service_id))
        if offered is not None:
            self.app.push_screen(LinkDialog(*offered))
