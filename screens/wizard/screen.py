"""The screen of the first steps: the open step, its text, and the keys.

Nothing here blocks on the cluster: it is queried in the background, and every key keeps working until it answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.worker import Worker

from engine.actions.doctor import check_server_named
from engine.counting import counted
from engine.queries.offers import Offers, offers
from engine.queries.setup import set_up
from screens.common.actions import Action
from screens.common.bindings import bindings
from screens.common.text import pasteable
from screens.framework.save_dialog import error_text
from screens.framework.screen import EventBatch
from screens.widgets.log import LogPane
from screens.widgets.state import StateMessage
from screens.wizard import steps
from screens.wizard.background import aside
from screens.wizard.drafts import Draft
from screens.wizard.page import KeyHints, Paragraph, Part, StepLine, StepPage
from screens.wizard.state import Need, WizardState, recalled
from screens.wizard.step import StepContext, WizardStep

_SIGNS = {"done": ("+", "ok"), "skipped": ("~", "warn"), "open": (" ", "")}


class WizardScreen(StepContext):
    """One step after the other; each can be skipped and resumed."""

    NAME = SCOPE = "wizard"
    BINDINGS = bindings("wizard")

    def __init__(self) -> None:
        super().__init__(id="place-wizard")
        self.known = WizardState()
        self.step: WizardStep = steps.STEPS[0]
        self._begun = False
        self._acting = False
        self._unread = ""
        self._round = 0
        """Incremented when earlier queries are obsolete; their late answers are dropped."""

    def compose(self) -> ComposeResult:
        yield StepLine(id="wizard-steps")
        with VerticalScroll(id="wizard-body"):
            yield StepPage(id="wizard-page")
            yield StateMessage("loading", id="wizard-state")
        yield KeyHints(id="wizard-keys")

    def on_mount(self) -> None:
        self.known = recalled(self.memory.of(self.NAME))
        self.query_one("#wizard-body").focus()
        self.reread()

    # What is known

    @property
    def draft(self) -> Draft:
        """What was typed into the form of this step and not saved."""
        return Draft(self.memory, self.step.NAME)

    def reread(self, batch: EventBatch | None = None) -> None:
        self.run_worker(self._read(), group="wizard", exclusive=True)

    async def _read(self) -> None:
        site = await self.in_thread(set_up)
        self._unread = "" if site is not None else "Cannot read what is already set up."
        if site is not None:
            self.known = replace(self.known, site=site)
        if not self._begun and site is not None:
            self._begun = True
            self.step = steps.first_open(self.known)
        self._show()
        self.call_after_refresh(self.post_message, self.Shown())
        self._ask()

    def choose(self, template: int) -> None:
        """Remembers the template that VMs are cloned from."""
        self.known = replace(self.known, template=template)
        self._remember()

    def ask_again(self) -> None:
        """Queries the cluster again."""
        self._forget()
        self._show()
        self._ask()

    def _remember(self) -> None:
        known = self.known
        notes = {"skipped": sorted(known.skipped), "template": known.template, "failing": known.failing}
        self.memory.keep(self.NAME, notes)

    def _forget(self, kept: Offers | None = None) -> None:
        """Drops queries and answers; `kept` keeps what the cluster offers."""
        self._round += 1
        self.known = replace(self.known, offers=kept, checks=None, asking=frozenset(), errors={})

    # Asking the cluster

    def _ask(self) -> None:
        """Asks what the open step needs to know, unless that is known, failed or under way."""
        need, known = self.step.NEED, self.known
        if known.has(need) or need in known.asking or need in known.errors or self.step.waits(known):
            return
        self.known = replace(known, asking=known.asking | {need})
        self._show()
        self.run_worker(self._answer(need, known.site.server, self._round), group=f"cluster-{need}")

    async def _answer(self, need: Need, server: str, asked_in: int) -> None:
        changes: dict[str, object]
        try:
            if need == "offers":
                changes = {"offers": await aside(lambda: offers(server))}
            else:
                changes = {"checks": tuple(await aside(lambda: check_server_named(server)))}
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
            changes = {"errors": {**self.known.errors, need: error_text(error)}}
        if asked_in != self._round or not self.display:
            return
        self.known = replace(self.known, asking=self.known.asking - {need}, **changes)  # type: ignore[arg-type]
        if "checks" in changes:
            self.known = replace(self.known, failing=bool(self.known.failed))
            self._remember()
            self.reread()
        self._show()

    # What is shown

    def _show(self) -> None:
        known = self.known
        row = [(*_SIGNS[steps.state(each, known)], each) for each in steps.PAGES]
        self.query_one(StepLine).show(
            [(sign + each.LABEL, tone, each is self.step) for sign, tone, each in row]
        )
        self.query_one(StepPage).show(self._words())
        self._show_state()
        self.query_one(KeyHints).show(self._enter())
        self.refresh_bindings()

    def _words(self) -> Iterator[Part]:
        yield Paragraph(self.step.TITLE, "accent")
        yield Paragraph()
        first = self.step.waits(self.known)
        if first:
            yield Paragraph(first)
        elif self.known.has(self.step.NEED):
            yield from self.step.words(self.known)

    def _show_state(self) -> None:
        """What is under way, or why nothing came of it."""
        state, need, known = self.query_one(StateMessage), self.step.NEED, self.known
        if self._unread:
            state.say("error", self._unread, "Press ctrl+r to retry.")
        elif need in known.errors:
            state.say(
                "error",
                known.errors[need],
                "Press ctrl+r to retry, ← to go back, → to continue without an answer.",
            )
        elif need in known.asking:
            state.say("loading", f"Asking {known.site.server} …", "Press → to continue without waiting.")
        state.display = bool(self._unread or need in known.errors or need in known.asking)

    def _enter(self) -> str:
        if self.step is steps.ENDING:
            return f"enter {self.step.enter(self.known)}"
        if self.step.enter(self.known) == "continues":
            return "enter continues"
        on = "continues" if self.step.done(self.known) else "skips this step"
        if self.step.waits(self.known) or self.step.NEED in self.known.asking:
            return f"→ {on}"
        return f"enter {self.step.enter(self.known)} · → {on}"

    # What the keys do

    def hides(self, asked: Action) -> bool:
        if asked.run == "skip":
            return self.step is steps.ENDING
        if asked.run == "again":
            return not self.step.NEED or bool(self._unread)
        if asked.run == "copy":
            return not self.step.commands(self.known)
        return super().hides(asked)

    def refusal(self, asked: Action) -> str | None:
        if asked.run == "go" and self.step.NEED in self.known.asking:
            return f"{self.known.site.server} has not answered yet. Wait, or press → to continue."
        return (self.step.waits(self.known) or None) if asked.run == "go" else None

    def do_go(self) -> Worker[None] | None:
        """A second enter while the first is running does nothing."""
        if self._acting:
            return None
        self._acting = True
        return self.run_worker(self._act(), group="dialog")

    async def _act(self) -> None:
        was_done = self.step.done(self.known)
        try:
            saved = await self.step.act(self, self.known)
        finally:
            self._acting = False
        if saved:
            await self._saved(was_done)

    async def _saved(self, was_done: bool) -> None:
        """Reads the site again and opens the next step if this one is done now."""
        self._forget(None if self.step is steps.STEPS[0] else self.known.offers)
        site = await self.in_thread(set_up)
        if site is not None:
            self.known = replace(self.known, site=site)
        if self.step.done(self.known) and not was_done:
            self.forward()
        else:
            self._turn(self.step)

    def do_skip(self) -> None:
        if not self.step.done(self.known) and self.step is not steps.ENDING:
            self.known = replace(self.known, skipped=self.known.skipped | {self.step.NAME})
            self._remember()
        self.forward()

    def do_before(self) -> None:
        self.back()

    def do_again(self) -> None:
        self.ask_again()
        self.reread()

    def do_copy(self) -> None:
        lines = self.step.commands(self.known)
        self.app.copy_to_clipboard("\n".join(pasteable(each) for each in lines))
        self.notify(f"{counted(len(lines), 'commands are')} on the clipboard.", markup=False, timeout=3)

    def forward(self) -> None:
        """Turns to the next step."""
        self._turn(steps.after(self.step, 1) or self.step)

    def back(self) -> bool:
        """Turns to the step before; False when this is the first."""
        before = steps.after(self.step, -1)
        if before is not None:
            self._turn(before)
        return before is not None

    def _turn(self, step: WizardStep) -> None:
        self.step = step
        self.query_one("#wizard-body").scroll_home(animate=False)
        self._show()
        self._ask()

    def show_log(self) -> None:
        """Opens the live log below, and leaves the keys with the steps."""
        pane = self.screen.query_one(LogPane)
        if pane.size_now == "hidden":
            pane.size_now = "half"
        self.query_one("#wizard-body").focus()
