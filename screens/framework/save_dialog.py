"""The form of a record: open until the engine took the answers, with what it refuses under the field it is about."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.actions.repository import PutResult
from engine.errors import KvmtuiError
from engine.forms import BadInput
from screens.common.text import plain
from screens.framework.form_questions import located
from screens.widgets.form import FormDialog, FormWidget

log = logging.getLogger(__name__)
Save = Callable[[dict[str, object]], PutResult]
Follow = Callable[[FormWidget, Mapping[str, object]], None]
"""Called with the form and its current values, to show their effect."""


def no_follow(form: FormWidget, values: Mapping[str, object]) -> None:
    """Shows nothing."""


Offers = Callable[[str], Mapping[str, Sequence[str]]]
"""From a server to the values it has for some questions."""


def no_offers(server: str) -> Mapping[str, Sequence[str]]:
    """Offers nothing."""
    return {}


class SaveDialog(FormDialog):
    """Saves in the background, once; returns the result as a sentence."""

    def __init__(
        self,
        title: str,
        form: FormWidget,
        save: Save,
        follow: Follow = no_follow,
        *,
        first: str = "",
        editing: bool = False,
        offers: Offers = no_offers,
    ) -> None:
        """`follow` shows what answers lead to; `first` is the question that gets the keys.

        `offers` queries the chosen server for choices, in the background.
        """
        super().__init__(title, form, editing=editing)
        form.first = first
        self._save, self._follow, self._offers = save, follow, offers
        self._offered_by = ""
        self._saving = False
        self.outcome: PutResult | None = None

    def on_mount(self) -> None:
        self._follow(self.form, self.form.values)
        self._look_for_offers(self.form.values)

    def on_form_widget_changed(self, message: FormWidget.Changed) -> None:
        message.stop()
        self._follow(self.form, message.values)
        self._look_for_offers(message.values)

    def _look_for_offers(self, values: Mapping[str, object]) -> None:
        server = str(values.get("server") or "")
        if self._offers is not no_offers and server and server != self._offered_by:
            self._offered_by = server
            self.run_worker(self._offer(server), group="offers", exclusive=True)

    async def _offer(self, server: str) -> None:
        """Without an answer of the cluster the form takes any text, as before."""
        try:
            found = await asyncio.to_thread(self._offers, server)
        except Exception as error:  # noqa: BLE001 - suggestions are a help, not a condition
            log.info("No suggestions from %s: %s", server, error)
            return
        for name, values in found.items():
            self.form.offer(name, server, values)

    def taken(self, values: dict[str, object]) -> None:
        """A second enter while the first is under way saves nothing twice."""
        if not self._saving:
            self._saving = True
            self.run_worker(self._try(values), group="save")

    async def _try(self, values: dict[str, object]) -> None:
        try:
            self.outcome = await asyncio.to_thread(self._save, values)
        except BadInput as error:
            for name, words in located(error, values).items():
                self.form.complain(name, plain(words))
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
            self.say(error_text(error))
        else:
            self.dismiss(values)
        self._saving = False


def error_text(error: Exception) -> str:
    """Why something failed, as a sentence; an unexpected error is logged as well."""
    if isinstance(error, KvmtuiError):
        return error.sentence
    log.error("A request from the console failed", exc_info=error)
    return f"It went wrong ({type(error).__name__}: {error}). Try again; if it stays, see the log file."


def result_text(outcome: PutResult) -> str:
    """The result in one sentence, and a line for each warning."""
    return "\n".join([_done(outcome), *(f"Warning: {plain(each)}" for each in outcome.warnings)])


def _done(outcome: PutResult) -> str:
    what = f"{outcome.kind.capitalize()} {plain(outcome.name)}"
    if outcome.verb == "same":
        return f"{what}: nothing changed."
    if outcome.verb == "create":
        return f"{what} created."
    changed = [f"{each.field}: {_value(each.old)} → {_value(each.new)}" for each in outcome.differences]
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    return f"{what} saved: {', '.join(changed[:3])}{more}."


def _value(value: Any) -> str:
    words = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return plain(words, 40) or "(empty)"
