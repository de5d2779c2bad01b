"""A new password for a guest: confirmed with its consequences, and shown once when it is set."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from engine.actions import maintenance
from engine.actions.requests import Queued
from engine.clock import now_ms
from engine.errors import KvmtuiError
from engine.queries.engines import one_runs
from engine.queries.live import LiveView, live
from engine.queries.login import login
from engine.queries.requests import Progress, progress
from screens.common.errors import sentence
from screens.common.text import block
from screens.framework.commands import Commands
from screens.framework.screen import EventBatch, actor
from screens.widgets.dialogs import Confirm, Dialog

_RESTART = "the VM is shut down and started again, and cloud-init sets the password"


async def ask(commands: Commands, service_id: int) -> None:
    """Asks the operator, then the engine, and stays until the password is set."""
    seen = await commands.read(lambda: live(service_id))
    if seen is None:
        return
    name = await commands.name_of(service_id)
    words, restarts = takes(seen)
    question = f"Give {name} a new password?"
    if await commands.app.push_screen_wait(Confirm(question, words, yes="New password", danger=restarts)):
        began = now_ms()
        try:
            queued = await asyncio.to_thread(maintenance.reset_password, actor(), service_id)
        except KvmtuiError as error:
            commands.notify(error.sentence, severity="error", markup=False, timeout=8)
            return
        commands.app.push_screen(PasswordDialog(name, queued, began))


def takes(seen: LiveView) -> tuple[str, bool]:
    """What a new password requires, as text, and whether the VM certainly restarts for it."""
    standing = seen.standing
    if standing is None:
        return f"{seen.looked.sentence}\nWithout an agent that answers {_RESTART}.", True
    if standing.power != "running":
        return "The VM is off: cloud-init sets it, and the VM is started.", False
    if standing.agent:
        return f"Its guest agent sets it while the VM runs. If the agent does not answer, {_RESTART}.", False
    return f"It has no guest agent: {_RESTART}.", True


class PasswordDialog(Dialog[None]):
    """Waits until the password is set and shows it once."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "copy", "Copy", show=False)]

    def __init__(self, name: str, queued: Queued, began: int) -> None:
        super().__init__(f"New password of {name}", "y copies the password · esc closes")
        self._queued, self._began = queued, began
        self._clear = ""
        self._over = False
        self._words = Static("", classes="password", markup=False)

    def body(self) -> Iterable[Widget]:
        yield self._words

    def on_mount(self) -> None:
        self._say(f"[>] {self._queued.sentence}")
        self.reread()

    def reread(self, batch: EventBatch | None = None) -> None:
        """Looks whether it is set, when something happened to this VM."""
        if not self._over and (batch is None or self._queued.service_id in batch.services):
            self.run_worker(self._look(), group="password", exclusive=True)

    async def _look(self) -> None:
        try:
            state, works = await asyncio.to_thread(lambda: (progress(self._queued.request_id), one_runs()))
            if state.over and not state.failed:
                self._over = True
                self._show(*await asyncio.to_thread(login, actor(), self._queued.service_id))
            else:
                self._show_progress(state, works)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
            self._say(f"[-] {sentence(error)}")

    def _show_progress(self, state: Progress, works: bool) -> None:
        if state.failed:
            self._over = True
            self._say(f"[-] It failed: {state.why}\nThe guest may still have its old password. esc closes.")
            return
        now = state.why or "the engine is at work on it"
        waits = now if works else "no engine runs now; the next one does it"
        self._say(
            f"[>] It is being set: {waits}.\n\nesc leaves; it is set and mailed all the same, but not shown here."
        )

    def _show(self, user: str, clear: str) -> None:
        self._clear = clear
        self._say(
            f"User      {user}\nPassword  {clear}\n\n[!] It will not be shown again; the client gets it by mail."
        )

    def _say(self, words: str) -> None:
        self._words.update(block(words))

    def action_copy(self) -> None:
        """Copies the password alone, once there is one."""
        if self._clear:
            self.app.copy_to_clipboard(self._clear)
            self.notify("The password is on the clipboard.", markup=False, timeout=2)

    def action_leave(self) -> None:
        self._clear = ""
        self._words.update("")
        self.dismiss(None)
